"""A TCP relay between a client and the broker that a test can cut: sockets end without a word of AMQP."""

import socket
import threading


class TcpProxy:
    def __init__(self, host, port):
        self._target = (host, port)
        self._is_cut = False
        self._sockets = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Severs every connection; refuses new ones until restore()."""
        with self._lock:
            self._is_cut = True
            sockets = list(self._sockets)
        for each in sockets:
            _end(each)

    def restore(self):
        with self._lock:
            self._is_cut = False

    def close(self):
        self.cut()
        _end(self._listener)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    client.close()
                    continue
                broker = socket.create_connection(self._target)
                self._sockets.update((client, broker))
            for source, sink in ((client, broker), (broker, client)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source, sink):
        try:
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        except OSError:
            pass
        with self._lock:
            self._sockets.difference_update((source, sink))
        _end(source)
        _end(sink)


def _end(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    each.close()
