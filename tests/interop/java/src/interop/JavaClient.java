package interop;

import static interop.Room.bytes;
import static interop.Room.check;
import static interop.Room.expect;
import static interop.Room.factory;
import static interop.Room.freshName;
import static interop.Room.next;
import static interop.Room.tag;
import static interop.Room.text;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** The cases; {@link Main} runs them. */
final class JavaClient {
  interface Case {
    void run(Room room) throws Exception;
  }

  static Map<String, Case> cases() {
    Map<String, Case> cases = new LinkedHashMap<>();
    cases.put("declare: declares, binds, finds passively, unbinds and deletes", JavaClient::declareLifecycle);
    cases.put("declare: gets a name from the server for a queue without one", JavaClient::declareServerNamed);
    cases.put("publish: carries every property, nested headers and the body unchanged", JavaClient::publishProperties);
    cases.put("publish: carries empty bodies and bodies of many frames", JavaClient::publishSizes);
    cases.put("confirm: confirms a thousand publishes", JavaClient::confirmMany);
    cases.put("confirm: returns a mandatory message without a route before it confirms it", JavaClient::confirmReturn);
    cases.put("consume: delivers in order within the prefetch and stops after cancel", JavaClient::consumePrefetch);
    cases.put("consume: is told when its queue goes away", JavaClient::consumeCancelled);
    cases.put("ack: settles for good; what is not acked comes back redelivered, in order", JavaClient::ackRedelivery);
    cases.put("ack: recover redelivers what is unacked", JavaClient::ackRecover);
    cases.put("nack: requeues or drops, one or many; reject does the same for one", JavaClient::nackRequeue);
    cases.put("get: takes one message and says how many are left, or that there is none", JavaClient::getMessages);
    cases.put("tx: publishes and acks count after commit and never after rollback", JavaClient::txCommit);
    cases.put("rpc: calls are answered over direct reply-to", JavaClient::rpcCalls);
    cases.put("consume: an exclusive consumer keeps others out, a priority comes first", JavaClient::consumeExclusive);
    cases.put("errors: 404 for a missing queue closes the channel, not the connection", JavaClient::errorMissing);
    cases.put("errors: 406 for a redeclaration that differs", JavaClient::errorInequivalent);
    cases.put("errors: 403 for a name in amq.*", JavaClient::errorReserved);
    cases.put("errors: 406 for a second ack", JavaClient::errorDoubleAck);
    cases.put("errors: 530 for an unknown vhost", JavaClient::errorVhost);
    cases.put("errors: 403 for a wrong password", JavaClient::errorPassword);
    cases.put("reconnect: recovers its topology and loses no message when the connection breaks",
        JavaClient::reconnectBroken);
    cases.put("reconnect: recovers by itself from a connection that the broker closes and leaves others alone",
        JavaClient::reconnectClosed);
    return cases;
  }

  private static void declareLifecycle(Room room) throws Exception {
    String source = freshName("source");
    String target = freshName("target");
    Channel on = room.channel;
    on.exchangeDeclare(source, BuiltinExchangeType.TOPIC, true, false, Map.of("alternate-exchange", "amq.fanout"));
    on.exchangeDeclare(target, BuiltinExchangeType.HEADERS, false, true, true, Map.of("note", "kept"));
    on.exchangeBind(target, source, "#.b.*");
    Map<String, Object> anyOf = Map.of("x-match", "any", "colour", "red", "size", 3);
    on.queueBind(room.queue, target, "", anyOf);
    on.exchangeDeclarePassive(source);
    AMQP.Queue.DeclareOk declared = on.queueDeclare(room.queue, true, false, false, null);
    check("declare-ok", List.of(declared.getQueue(), declared.getMessageCount(), declared.getConsumerCount()),
        List.of(room.queue, 0, 0));

    AMQP.BasicProperties red = new AMQP.BasicProperties.Builder().headers(Map.of("colour", "red")).build();
    AMQP.BasicProperties small = new AMQP.BasicProperties.Builder().headers(Map.of("size", 1)).build();
    on.basicPublish(source, "a.b.c", red, bytes("routed"));
    on.basicPublish(source, "a.b.c", small, bytes("dropped"));
    on.basicPublish(source, "a.c", red, bytes("dropped"));
    on.waitForConfirmsOrDie(Room.PATIENCE_MS);
    check("routed", room.messageCount(), 1L);

    on.queueUnbind(room.queue, target, "", anyOf);
    on.exchangeDelete(source);
    check("purged", on.queuePurge(room.queue).getMessageCount(), 1);
    check("deleted with", on.queueDelete(room.queue, true, true).getMessageCount(), 0);
  }

  private static void declareServerNamed(Room room) throws Exception {
    String made = room.channel.queueDeclare().getQueue();
    check("prefix of " + made, made.startsWith("amq.gen-"), true);
  }

  private static void publishProperties(Room room) throws Exception {
    Date date = new Date(1_700_000_000_000L);
    Map<String, Object> headers = new LinkedHashMap<>();
    headers.put("yes", true);
    headers.put("byte", (byte) -7);
    headers.put("short", (short) -700);
    headers.put("int", 70_000);
    headers.put("long", 1L << 40);
    headers.put("float", 1.5f);
    headers.put("double", 2.5);
    headers.put("decimal", new BigDecimal("12.34"));
    headers.put("time", date);
    headers.put("none", null);
    headers.put("bytes", new byte[] {-1, 0});
    headers.put("nested", Map.of("list", List.of(1, 2L, Map.of("three", 3))));
    AMQP.BasicProperties sent = new AMQP.BasicProperties("application/octet-stream", "identity", headers, 2, 3, "c-1",
        "reply", "60000", "m-1", date, "kind", "guest", "app", null);
    room.channel.basicPublish("", room.queue, sent, new byte[] {0, -1, (byte) 0xce, 10});
    room.channel.waitForConfirmsOrDie(Room.PATIENCE_MS);
    GetResponse got = room.get(room.channel, true);
    check("body", got.getBody(), new byte[] {0, -1, (byte) 0xce, 10});
    Map<String, Object> received = got.getProps().getHeaders();
    check("byte array header", received.remove("bytes"), headers.remove("bytes"));
    check("headers", received, headers);
    check("properties", got.getProps().builder().headers(null).build(), sent.builder().headers(null).build());
  }

  private static void publishSizes(Room room) throws Exception {
    byte[] large = new byte[1_500_001];
    Arrays.fill(large, (byte) 'h');
    room.publish("", text(large));
    BlockingQueue<Delivery> inbox = room.consume(room.channel, "sizes");
    check("empty body", next(inbox).getBody(), new byte[0]);
    check("large body", Arrays.equals(next(inbox).getBody(), large), true);
  }

  private static void confirmMany(Room room) throws Exception {
    for (int sent = 0; sent < 1_000; sent++) {
      check("sequence number", room.channel.getNextPublishSeqNo(), sent + 1L);
      room.channel.basicPublish("", room.queue, MessageProperties.MINIMAL_BASIC, bytes("" + sent));
    }
    room.channel.waitForConfirmsOrDie(Room.PATIENCE_MS);
    check("messages", room.messageCount(), 1_000L);
  }

  private static void confirmReturn(Room room) throws Exception {
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    room.channel.addReturnListener(returned ->
        events.add("return " + returned.getReplyCode() + " " + returned.getReplyText() + " " + text(returned.getBody())));
    room.channel.addConfirmListener((number, multiple) -> events.add("ack"), (number, multiple) -> events.add("nack"));
    room.channel.basicPublish("", freshName("unbound"), true, MessageProperties.MINIMAL_BASIC, bytes("lost"));
    check("events", List.of(next(events), next(events)), List.of("return 312 NO_ROUTE lost", "ack"));
  }

  private static void consumePrefetch(Room room) throws Exception {
    room.publish("1", "2", "3", "4", "5");
    Channel consumer = room.connection.createChannel();
    consumer.basicQos(2);
    BlockingQueue<Delivery> inbox = room.consume(consumer, "steady");
    List<Delivery> taken = expect(inbox, false, "1", "2");
    check("left in the queue", room.messageCount(), 3L);
    consumer.basicAck(tag(taken.get(1)), true);
    taken = expect(inbox, false, "3", "4");
    consumer.basicCancel("steady");
    consumer.basicAck(tag(taken.get(1)), true);
    AMQP.Queue.DeclareOk state = consumer.queueDeclarePassive(room.queue);
    check("messages and consumers", List.of(state.getMessageCount(), state.getConsumerCount()), List.of(1, 0));
    check("delivered after cancel", inbox.size(), 0);
  }

  private static void consumeCancelled(Room room) throws Exception {
    BlockingQueue<String> cancels = new LinkedBlockingQueue<>();
    room.channel.basicConsume(room.queue, false, "doomed", (consumerTag, delivery) -> {}, cancels::add);
    room.channel.queueDelete(room.queue);
    check("cancelled", next(cancels), "doomed");
  }

  private static void ackRedelivery(Room room) throws Exception {
    room.publish("1", "2", "3", "4");
    Channel consumer = room.connection.createChannel();
    List<Delivery> taken = expect(room.consume(consumer, "first"), false, "1", "2", "3", "4");
    consumer.basicAck(tag(taken.get(1)), false);
    consumer.close();
    List<Delivery> rest = expect(room.consume(room.channel, "second"), true, "1", "3", "4");
    room.channel.basicAck(tag(rest.get(2)), true);
    check("left in the queue", room.messageCount(), 0L);
  }

  private static void ackRecover(Room room) throws Exception {
    room.publish("again");
    BlockingQueue<Delivery> inbox = room.consume(room.channel, "recovering");
    expect(inbox, false, "again");
    room.channel.basicRecover(true);
    expect(inbox, true, "again");
  }

  private static void nackRequeue(Room room) throws Exception {
    room.publish("1", "2", "3");
    room.get(room.channel, false);
    long second = tag(room.get(room.channel, false));
    long third = tag(room.get(room.channel, false));
    room.channel.basicNack(second, true, true);
    room.channel.basicReject(third, false);
    for (String body : List.of("1", "2")) {
      GetResponse again = room.get(room.channel, false);
      check("body", text(again.getBody()), body);
      check("redelivered", again.getEnvelope().isRedeliver(), true);
    }
    check("after the requeued ones", room.channel.basicGet(room.queue, true), null);
    room.channel.basicNack(0, true, false);
    check("left in the queue", room.messageCount(), 0L);
  }

  private static void getMessages(Room room) throws Exception {
    check("empty queue", room.channel.basicGet(room.queue, false), null);
    room.publish("1", "2");
    GetResponse first = room.get(room.channel, false);
    check("body", text(first.getBody()), "1");
    check("left", first.getMessageCount(), 1);
    check("routing key", first.getEnvelope().getRoutingKey(), room.queue);
    room.channel.basicAck(tag(first), false);
    room.get(room.channel, true);
    check("empty queue", room.channel.basicGet(room.queue, false), null);
  }

  private static void txCommit(Room room) throws Exception {
    room.publish("held");
    Channel tx = room.connection.createChannel();
    tx.txSelect();
    tx.basicPublish("", room.queue, null, bytes("dropped"));
    tx.txRollback();
    check("after rollback", room.messageCount(), 1L);

    tx.basicAck(tag(room.get(tx, false)), false);
    tx.basicPublish("", room.queue, null, bytes("kept"));
    check("before commit", room.messageCount(), 0L);
    tx.txCommit();
    check("after commit", room.messageCount(), 1L);
    tx.close();
    check("body", text(room.get(room.channel, true).getBody()), "kept");
  }

  private static void rpcCalls(Room room) throws Exception {
    Channel server = room.connection.createChannel();
    server.basicConsume(room.queue, true, (consumerTag, request) -> {
      AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
          .correlationId(request.getProperties().getCorrelationId()).build();
      server.basicPublish("", request.getProperties().getReplyTo(), properties,
          bytes("re: " + text(request.getBody())));
    }, consumerTag -> {});
    RpcClient client = new RpcClient(new RpcClientParams().channel(room.connection.createChannel()).exchange("")
        .routingKey(room.queue).replyTo("amq.rabbitmq.reply-to").timeout((int) Room.PATIENCE_MS));
    for (String body : List.of("a", "b")) check("reply", client.stringCall(body), "re: " + body);
    client.close();
  }

  private static void consumeExclusive(Room room) throws Exception {
    BlockingQueue<Delivery> plain = room.consume(room.channel, "plain");
    room.refused(403, "ACCESS_REFUSED - queue '" + room.queue + "' in vhost '/' in exclusive use",
        on -> on.basicConsume(room.queue, true, "mine", false, true, null, (tag, delivery) -> {}, tag -> {}));
    BlockingQueue<Delivery> urgent = new LinkedBlockingQueue<>();
    Channel other = room.connection.createChannel();
    other.basicQos(1);
    other.basicConsume(room.queue, false, Map.of("x-priority", 5), (tag, delivery) -> urgent.add(delivery), tag -> {});
    room.publish("1", "2");
    expect(urgent, false, "1");
    expect(plain, false, "2");
  }

  private static void errorMissing(Room room) throws Exception {
    String missing = freshName("missing");
    room.refused(404, "NOT_FOUND - no queue '" + missing + "' in vhost '/'", on -> on.queueDeclarePassive(missing));
  }

  private static void errorInequivalent(Room room) throws Exception {
    room.refused(406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + room.queue
        + "' in vhost '/': received 'false' but current is 'true'",
        on -> on.queueDeclare(room.queue, false, false, false, null));
  }

  private static void errorReserved(Room room) throws Exception {
    room.refused(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
        on -> on.queueDeclare("amq.mine", false, false, false, null));
  }

  private static void errorDoubleAck(Room room) throws Exception {
    room.publish("once");
    room.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", on -> {
      long tag = tag(room.get(on, false));
      on.basicAck(tag, false);
      on.basicAck(tag, false);
    });
  }

  private static void errorVhost(Room room) throws Exception {
    ConnectionFactory factory = factory();
    factory.setVirtualHost("no-such-vhost");
    try {
      factory.newConnection().close();
    } catch (IOException refused) {
      AMQP.Connection.Close close =
          (AMQP.Connection.Close) ((ShutdownSignalException) refused.getCause()).getReason();
      check("reply code", close.getReplyCode(), 530);
      check("reply text", close.getReplyText(), "NOT_ALLOWED - vhost no-such-vhost not found");
      return;
    }
    throw new AssertionError("not refused");
  }

  private static void errorPassword(Room room) throws Exception {
    ConnectionFactory factory = factory();
    factory.setPassword("wrong");
    try {
      factory.newConnection().close();
    } catch (AuthenticationFailureException refused) {
      String start = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.";
      check(refused.getMessage(), refused.getMessage().startsWith(start), true);
      return;
    }
    throw new AssertionError("not refused");
  }

  private static Connection recovering(ConnectionFactory factory) throws Exception {
    factory.setAutomaticRecoveryEnabled(true);
    factory.setNetworkRecoveryInterval(100);
    return factory.newConnection();
  }

  private static BlockingQueue<Recoverable> recoveriesOf(Connection connection) {
    BlockingQueue<Recoverable> recoveries = new LinkedBlockingQueue<>();
    ((Recoverable) connection).addRecoveryListener(new RecoveryListener() {
      @Override
      public void handleRecovery(Recoverable recovered) {
        recoveries.add(recovered);
      }

      @Override
      public void handleRecoveryStarted(Recoverable recovered) {}
    });
    return recoveries;
  }

  private static void reconnectBroken(Room room) throws Exception {
    ConnectionFactory direct = factory();
    try (TcpProxy proxy = new TcpProxy(direct.getHost(), direct.getPort())) {
      direct.setHost("127.0.0.1");
      direct.setPort(proxy.port());
      Connection connection = recovering(direct);
      BlockingQueue<Recoverable> recoveries = recoveriesOf(connection);
      Channel consumer = connection.createChannel();
      String transientQueue = consumer.queueDeclare().getQueue();
      consumer.queueBind(transientQueue, "amq.direct", room.queue);
      BlockingQueue<Delivery> transientInbox = new LinkedBlockingQueue<>();
      consumer.basicConsume(transientQueue, true, (tag, delivery) -> transientInbox.add(delivery), tag -> {});
      consumer.basicQos(5);
      room.publish("0", "1", "2", "3", "4", "5");
      BlockingQueue<Delivery> inbox = room.consume(consumer, "recovering");
      List<Delivery> before = expect(inbox, false, "0", "1", "2", "3", "4");
      consumer.basicAck(tag(before.get(1)), true);
      expect(inbox, false, "5");
      consumer.queueDeclarePassive(room.queue);

      proxy.cut();
      room.publish("6", "7");
      proxy.restore();
      next(recoveries);
      List<String> bodies = List.of("2", "3", "4", "5", "6", "7");
      for (String body : bodies) {
        Delivery delivery = next(inbox);
        check("body", text(delivery.getBody()), body);
        // What was published after the cut may still have gone to the broken connection first.
        check("redelivered " + body, delivery.getEnvelope().isRedeliver() || bodies.indexOf(body) >= 4, true);
        consumer.basicAck(tag(delivery), false);
      }
      room.channel.basicPublish("amq.direct", room.queue, null, bytes("to the recovered binding"));
      check("transient", text(next(transientInbox).getBody()), "to the recovered binding");
      connection.close();
    }
    AMQP.Queue.DeclareOk state = room.channel.queueDeclarePassive(room.queue);
    check("messages and consumers", List.of(state.getMessageCount(), state.getConsumerCount()), List.of(0, 0));
  }

  private static void reconnectClosed(Room room) throws Exception {
    Connection doomed = recovering(factory());
    BlockingQueue<Recoverable> recoveries = recoveriesOf(doomed);
    Channel channel = doomed.createChannel();
    BlockingQueue<Delivery> inbox = room.consume(channel, "survivor");
    AMQP.Connection.Close close =
        (AMQP.Connection.Close) Room.reasonOf(doomed.createChannel(), on -> on.basicQos(1, 0, false));
    check("reply code", close.getReplyCode(), 540);
    check("messages seen by a bystander", room.messageCount(), 0L);
    next(recoveries);
    room.publish("back");
    expect(inbox, false, "back");
    doomed.close();
  }
}
