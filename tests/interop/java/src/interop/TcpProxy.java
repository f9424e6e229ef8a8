package interop;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Relays between a client and the broker until a test cuts it: sockets then end without a word of AMQP. */
final class TcpProxy implements Closeable {
  private final ServerSocket listener;
  private final String host;
  private final int port;
  private final Set<Socket> sockets = new HashSet<>();
  private boolean isCut;

  TcpProxy(String host, int port) throws IOException {
    this.host = host;
    this.port = port;
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    inBackground(this::accept);
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Severs every connection; refuses new ones until {@link #restore}. */
  synchronized void cut() {
    isCut = true;
    List.copyOf(sockets).forEach(TcpProxy::end);
  }

  synchronized void restore() {
    isCut = false;
  }

  @Override
  public void close() throws IOException {
    listener.close();
    cut();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        open(listener.accept());
      } catch (IOException gone) {
        // The listener was closed, or the broker does not answer: the client sees its socket end.
      }
    }
  }

  private synchronized void open(Socket client) throws IOException {
    if (isCut) {
      client.close();
      return;
    }
    Socket broker = new Socket(host, port);
    sockets.addAll(List.of(client, broker));
    inBackground(() -> relay(client, broker));
    inBackground(() -> relay(broker, client));
  }

  private void relay(Socket from, Socket to) {
    try {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException gone) {
      // Either side ended; both go.
    }
    end(from);
    end(to);
    synchronized (this) {
      sockets.removeAll(List.of(from, to));
    }
  }

  private static void end(Socket socket) {
    try {
      socket.close();
    } catch (IOException gone) {
      // It is closed.
    }
  }

  private static void inBackground(Runnable work) {
    Thread thread = new Thread(work, "tcp-proxy");
    thread.setDaemon(true);
    thread.start();
  }
}
