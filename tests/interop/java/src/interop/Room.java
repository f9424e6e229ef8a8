package interop;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Method;
import com.rabbitmq.client.ShutdownSignalException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** What every case starts with: a connection, a channel with confirms, and a durable queue of its own. */
final class Room implements AutoCloseable {
  static final long PATIENCE_MS = 10_000;

  final Connection connection;
  final Channel channel;
  final String queue = freshName("java");

  Room() throws Exception {
    connection = factory().newConnection();
    channel = connection.createChannel();
    channel.confirmSelect();
    channel.queueDeclare(queue, true, false, false, null);
  }

  @Override
  public void close() throws Exception {
    try (Connection cleanup = factory().newConnection()) {
      cleanup.createChannel().queueDelete(queue);
    }
    connection.abort();
  }

  static ConnectionFactory factory() throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(System.getenv("LEVERET_TEST_URI"));
    factory.setAutomaticRecoveryEnabled(false);
    return factory;
  }

  static String freshName(String subject) {
    return "interop." + subject + "." + UUID.randomUUID().toString().substring(0, 8);
  }

  static void check(String what, Object actual, Object expected) {
    if (!Objects.deepEquals(actual, expected)) {
      throw new AssertionError(what + ": expected " + expected + ", was " + actual);
    }
  }

  static byte[] bytes(String body) {
    return body.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] body) {
    return new String(body, StandardCharsets.UTF_8);
  }

  void publish(String... bodies) throws Exception {
    for (String body : bodies) channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, bytes(body));
    channel.waitForConfirmsOrDie(PATIENCE_MS);
  }

  long messageCount() throws Exception {
    return channel.messageCount(queue);
  }

  GetResponse get(Channel on, boolean autoAck) throws Exception {
    GetResponse response = on.basicGet(queue, autoAck);
    if (response == null) throw new AssertionError("the queue is empty");
    return response;
  }

  BlockingQueue<Delivery> consume(Channel on, String tag) throws Exception {
    BlockingQueue<Delivery> inbox = new LinkedBlockingQueue<>();
    on.basicConsume(queue, false, tag, (consumerTag, delivery) -> inbox.add(delivery), consumerTag -> {});
    return inbox;
  }

  static <T> T next(BlockingQueue<T> inbox) throws InterruptedException {
    T item = inbox.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
    if (item == null) throw new AssertionError("nothing arrived");
    return item;
  }

  /** Takes deliveries and compares their bodies and redelivered flags. */
  static List<Delivery> expect(BlockingQueue<Delivery> inbox, boolean redelivered, String... bodies) throws Exception {
    List<Delivery> taken = new ArrayList<>();
    for (String body : bodies) {
      Delivery delivery = next(inbox);
      check("body", text(delivery.getBody()), body);
      check("redelivered " + body, delivery.getEnvelope().isRedeliver(), redelivered);
      taken.add(delivery);
    }
    return taken;
  }

  static long tag(Delivery delivery) {
    return delivery.getEnvelope().getDeliveryTag();
  }

  static long tag(GetResponse response) {
    return response.getEnvelope().getDeliveryTag();
  }

  interface Work {
    void on(Channel channel) throws Exception;
  }

  /** Runs work on a channel of its own and checks that the broker closes that channel and nothing else. */
  void refused(int code, String text, Work work) throws Exception {
    Method reason = reasonOf(connection.createChannel(), work);
    if (!(reason instanceof AMQP.Channel.Close)) throw new AssertionError("expected " + code + ", was " + reason);
    AMQP.Channel.Close close = (AMQP.Channel.Close) reason;
    check("reply code", close.getReplyCode(), code);
    check("reply text", close.getReplyText(), text);
    messageCount();
  }

  /** The method by which the broker ended the channel or its connection. */
  static Method reasonOf(Channel on, Work work) throws Exception {
    BlockingQueue<ShutdownSignalException> ends = new LinkedBlockingQueue<>();
    on.addShutdownListener(ends::add);
    try {
      work.on(on);
    } catch (java.io.IOException | AlreadyClosedException refusedAtOnce) {
      // The listener has the reason.
    }
    return next(ends).getReason();
  }
}
