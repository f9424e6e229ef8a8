"""pika's blocking connection against the broker at LEVERET_TEST_URI."""

import os
import time
import unittest
import uuid
from urllib.parse import urlsplit

import pika
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

from tcp_proxy import TcpProxy

URI = os.environ["LEVERET_TEST_URI"]
PERSISTENT = pika.BasicProperties(delivery_mode=2)


def parameters(port=None, password=None, vhost=None):
    made = pika.URLParameters(URI if urlsplit(URI).path else f"{URI}/%2F")
    if port is not None:
        made.host, made.port = "127.0.0.1", port
    if password is not None:
        made.credentials = pika.PlainCredentials(made.credentials.username, password)
    if vhost is not None:
        made.virtual_host = vhost
    made.socket_timeout = 10
    return made


def fresh_name(subject):
    return f"interop.{subject}.{uuid.uuid4().hex[:8]}"


class PikaCase(unittest.TestCase):
    def setUp(self):
        self.connection = pika.BlockingConnection(parameters())
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        self.queue = fresh_name("pika")
        self.channel.queue_declare(self.queue, durable=True)

    def tearDown(self):
        with pika.BlockingConnection(parameters()) as cleanup:
            cleanup.channel().queue_delete(self.queue)
        if self.connection.is_open:
            self.connection.close()

    def publish(self, *bodies):
        for body in bodies:
            self.channel.basic_publish("", self.queue, body, PERSISTENT)

    def message_count(self):
        return self.channel.queue_declare(self.queue, passive=True).method.message_count

    def take(self, channel=None, auto_ack=False):
        method, properties, body = (channel or self.channel).basic_get(self.queue, auto_ack=auto_ack)
        self.assertIsNotNone(method, "the queue is empty")
        return method, properties, body

    def collect(self, channel, count, auto_ack=False):
        """Consumes until `count` messages are here; leaves them unacked."""
        taken = []
        for method, properties, body in channel.consume(self.queue, auto_ack=auto_ack, inactivity_timeout=10):
            self.assertIsNotNone(method, f"{len(taken)} of {count} messages arrived")
            taken.append((method, properties, body))
            if len(taken) == count:
                return taken
        self.fail("the consumer was cancelled")

    def assert_refused(self, code, text, work):
        victim = self.connection.channel()
        with self.assertRaises(ChannelClosedByBroker) as caught:
            work(victim)
        self.assertEqual(caught.exception.reply_code, code)
        self.assertIn(text, caught.exception.reply_text)
        self.assertEqual(self.message_count(), self.message_count())


class Declare(PikaCase):
    def test_lifecycle(self):
        """declare: declares, binds, finds passively, unbinds and deletes"""
        source, target = fresh_name("source"), fresh_name("target")
        on = self.channel
        on.exchange_declare(source, "topic")
        on.exchange_declare(target, "direct", arguments={"note": "kept", "depth": {"list": [1, "two"]}})
        on.exchange_bind(target, source, "a.*")
        on.queue_bind(self.queue, target, "a.b")
        on.exchange_declare(source, passive=True)
        declared = on.queue_declare(self.queue, durable=True).method
        self.assertEqual((declared.queue, declared.message_count, declared.consumer_count), (self.queue, 0, 0))

        on.basic_publish(source, "a.b", b"routed")
        on.basic_publish(source, "a.c", b"dropped")
        self.assertEqual(self.message_count(), 1)

        on.queue_unbind(self.queue, target, "a.b")
        on.exchange_unbind(target, source, "a.*")
        on.exchange_delete(target)
        on.exchange_delete(source, if_unused=True)
        self.assertEqual(on.queue_purge(self.queue).method.message_count, 1)
        self.assertEqual(on.queue_delete(self.queue, if_unused=True, if_empty=True).method.message_count, 0)

    def test_server_named(self):
        """declare: gets a name from the server for a queue without one"""
        made = self.channel.queue_declare("", exclusive=True).method.queue
        self.assertTrue(made.startswith("amq.gen-"), made)


class Publish(PikaCase):
    def test_properties(self):
        """publish: carries every property, nested headers and the body unchanged"""
        sent = pika.BasicProperties(
            content_type="application/octet-stream",
            content_encoding="identity",
            headers={"text": "h", "yes": True, "small": 7, "big": 2**40, "none": None, "bytes": b"\xff\x00",
                     "nested": {"list": [1, "two", {"three": 3}]}},
            delivery_mode=2,
            priority=3,
            correlation_id="c-1",
            reply_to="reply",
            expiration="60000",
            message_id="m-1",
            timestamp=1_700_000_000,
            type="kind",
            user_id="guest",
            app_id="app",
        )
        self.channel.basic_publish("", self.queue, b"\x00\xff\xce\n", sent)
        _, received, body = self.take(auto_ack=True)
        self.assertEqual(body, b"\x00\xff\xce\n")
        self.assertEqual(received, sent)

    def test_sizes(self):
        """publish: carries empty bodies and bodies of many frames"""
        large = b"leveret" * 214_286
        self.publish(b"", large)
        taken = self.collect(self.channel, 2, auto_ack=True)
        self.assertEqual(taken[0][2], b"")
        self.assertTrue(taken[1][2] == large)


class Confirm(PikaCase):
    def test_confirms(self):
        """confirm: confirms publishes one by one"""
        for number in range(200):
            self.publish(str(number).encode())
        self.assertEqual(self.message_count(), 200)

    def test_return(self):
        """confirm: returns a mandatory message without a route before it confirms it"""
        with self.assertRaises(UnroutableError) as caught:
            self.channel.basic_publish("", fresh_name("unbound"), b"lost", mandatory=True)
        returned = caught.exception.messages[0]
        self.assertEqual((returned.method.reply_code, returned.method.reply_text), (312, "NO_ROUTE"))
        self.assertEqual(returned.body, b"lost")


class Consume(PikaCase):
    def test_prefetch_and_cancel(self):
        """consume: delivers in order within the prefetch and stops after cancel"""
        self.publish(b"1", b"2", b"3", b"4", b"5")
        inbox = []
        consumer = self.connection.channel()
        consumer.basic_qos(prefetch_count=2)
        tag = consumer.basic_consume(self.queue, lambda _c, method, _p, body: inbox.append((method, body)))
        self.await_size(inbox, 2)
        self.assertEqual([body for _, body in inbox], [b"1", b"2"])
        self.assertEqual(self.message_count(), 3)
        consumer.basic_ack(inbox[1][0].delivery_tag, multiple=True)
        self.await_size(inbox, 4)
        consumer.basic_cancel(tag)
        consumer.basic_ack(0, multiple=True)
        state = consumer.queue_declare(self.queue, passive=True).method
        self.assertEqual((state.message_count, state.consumer_count), (1, 0))
        self.assertEqual([body for _, body in inbox], [b"1", b"2", b"3", b"4"])

    def test_queue_deleted(self):
        """consume: is told when its queue goes away"""
        consumer = self.connection.channel()
        cancelled = []
        consumer.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        tag = consumer.basic_consume(self.queue, lambda *_: None)
        self.channel.queue_delete(self.queue)
        self.await_size(cancelled, 1)
        self.assertEqual(cancelled, [tag])

    def await_size(self, items, size):
        ends_at = time.monotonic() + 10
        while len(items) < size:
            self.assertLess(time.monotonic(), ends_at, f"{len(items)} of {size} arrived")
            self.connection.process_data_events(time_limit=0.1)


class Ack(PikaCase):
    def test_redelivery(self):
        """ack: settles for good; what is not acked comes back redelivered, in order"""
        self.publish(b"1", b"2", b"3", b"4")
        consumer = self.connection.channel()
        taken = self.collect(consumer, 4)
        consumer.basic_ack(taken[1][0].delivery_tag)
        consumer.close()
        again = self.connection.channel()
        rest = self.collect(again, 3)
        self.assertEqual([body for _, _, body in rest], [b"1", b"3", b"4"])
        self.assertTrue(all(method.redelivered for method, _, _ in rest))
        again.basic_ack(rest[2][0].delivery_tag, multiple=True)
        again.close()
        self.assertEqual(self.message_count(), 0)

    def test_recover(self):
        """ack: recover redelivers what is unacked"""
        self.publish(b"again")
        self.assertFalse(self.take()[0].redelivered)
        self.channel.basic_recover(requeue=True)
        method, _, body = self.take(auto_ack=True)
        self.assertEqual((body, method.redelivered), (b"again", True))


class Nack(PikaCase):
    def test_requeue_and_drop(self):
        """nack: requeues or drops, one or many; reject does the same for one"""
        self.publish(b"1", b"2", b"3")
        on = self.connection.channel()
        tags = [self.take(on)[0].delivery_tag for _ in range(3)]
        on.basic_nack(tags[1], multiple=True, requeue=True)
        on.basic_reject(tags[2], requeue=False)
        first, second = self.take(on), self.take(on)
        self.assertEqual([first[2], second[2]], [b"1", b"2"])
        self.assertTrue(first[0].redelivered and second[0].redelivered)
        self.assertEqual(on.basic_get(self.queue), (None, None, None))
        on.basic_nack(0, multiple=True, requeue=False)
        on.queue_declare(self.queue, passive=True)
        self.assertEqual(self.message_count(), 0)


class Get(PikaCase):
    def test_get(self):
        """get: takes one message and says how many are left, or that there is none"""
        self.assertEqual(self.channel.basic_get(self.queue), (None, None, None))
        self.publish(b"1", b"2")
        method, _, body = self.take()
        self.assertEqual((body, method.message_count, method.redelivered), (b"1", 1, False))
        self.assertEqual((method.exchange, method.routing_key), ("", self.queue))
        self.channel.basic_ack(method.delivery_tag)
        self.take(auto_ack=True)
        self.assertEqual(self.channel.basic_get(self.queue), (None, None, None))


class Tx(PikaCase):
    def test_commit_and_rollback(self):
        """tx: publishes and acks count after commit and never after rollback"""
        self.publish(b"held")
        tx = self.connection.channel()
        tx.tx_select()
        tx.basic_publish("", self.queue, b"dropped")
        tx.tx_rollback()
        self.assertEqual(self.message_count(), 1)

        tx.basic_ack(self.take(tx)[0].delivery_tag)
        tx.basic_publish("", self.queue, b"kept")
        self.assertEqual(self.message_count(), 0)
        tx.tx_commit()
        self.assertEqual(self.message_count(), 1)
        tx.close()
        self.assertEqual(self.take(auto_ack=True)[2], b"kept")


class Session(PikaCase):
    def test_heartbeat(self):
        """heartbeat: an idle connection with a heartbeat of one second stays open"""
        slow = parameters()
        slow.heartbeat = 1
        with pika.BlockingConnection(slow) as idle:
            idle.sleep(4)
            idle.channel().queue_declare(self.queue, passive=True)

    def test_silent_client(self):
        """heartbeat: a client that falls silent is dropped and its messages come back"""
        self.publish(b"held")
        slow = parameters()
        slow.heartbeat = 1
        silent = pika.BlockingConnection(slow)
        self.take(silent.channel())
        ends_at = time.monotonic() + 10
        while self.message_count() == 0 and time.monotonic() < ends_at:
            self.connection.sleep(0.2)
        method, _, body = self.take(auto_ack=True)
        self.assertEqual((body, method.redelivered), (b"held", True))
        with self.assertRaises(AMQPConnectionError):
            silent.process_data_events(time_limit=1)

    def test_reply_to(self):
        """rpc: a request is answered over direct reply-to"""
        replies = []
        client = self.connection.channel()
        client.basic_consume("amq.rabbitmq.reply-to", lambda *got: replies.append(got[3]), auto_ack=True)
        client.basic_publish("", self.queue, b"hello", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))
        self.connection.process_data_events(time_limit=0)
        server = self.connection.channel()
        _, request, body = self.collect(server, 1)[0]
        server.basic_publish("", request.reply_to, b"re: " + body)
        ends_at = time.monotonic() + 10
        while not replies and time.monotonic() < ends_at:
            self.connection.process_data_events(time_limit=0.1)
        self.assertEqual(replies, [b"re: hello"])

    def test_global_qos(self):
        """consume: a limit on the channel holds for its consumers together"""
        self.publish(b"1", b"2", b"3", b"4", b"5")
        consumer = self.connection.channel()
        consumer.basic_qos(prefetch_count=3, global_qos=True)
        inbox = []
        for _ in range(2):
            consumer.basic_consume(self.queue, lambda _c, method, _p, body: inbox.append((method, body)))
        self.connection.process_data_events(time_limit=0.5)
        self.assertEqual([body for _, body in inbox], [b"1", b"2", b"3"])
        consumer.basic_ack(inbox[0][0].delivery_tag)
        self.connection.process_data_events(time_limit=0.5)
        self.assertEqual([body for _, body in inbox], [b"1", b"2", b"3", b"4"])


class Errors(PikaCase):
    def test_missing_queue(self):
        """errors: 404 for a missing queue closes the channel, not the connection"""
        missing = fresh_name("missing")
        self.assert_refused(404, f"NOT_FOUND - no queue '{missing}' in vhost '/'",
                            lambda on: on.queue_declare(missing, passive=True))

    def test_inequivalent(self):
        """errors: 406 for a redeclaration that differs"""
        text = f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{self.queue}' in vhost '/': " \
               "received 'false' but current is 'true'"
        self.assert_refused(406, text, lambda on: on.queue_declare(self.queue, durable=False))

    def test_inequivalent_argument(self):
        """errors: 406 for a redeclaration with another argument, named with its value and type"""
        text = f"inequivalent arg 'x-expires' for queue '{self.queue}' in vhost '/': " \
               "received the value '60000' of type 'signedint' but current is none"
        self.assert_refused(406, text,
                            lambda on: on.queue_declare(self.queue, durable=True, arguments={"x-expires": 60000}))

    def test_reserved_name(self):
        """errors: 403 for a name in amq.*"""
        self.assert_refused(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
                            lambda on: on.queue_declare("amq.mine"))

    def test_locked(self):
        """errors: 405 for another connection's exclusive queue"""
        mine = fresh_name("mine")
        with pika.BlockingConnection(parameters()) as owner:
            owner.channel().queue_declare(mine, exclusive=True)
            self.assert_refused(405, f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{mine}'",
                                lambda on: on.queue_declare(mine, passive=True))

    def test_double_ack(self):
        """errors: 406 for a second ack"""
        self.publish(b"once")

        def ack_twice(on):
            tag = self.take(on)[0].delivery_tag
            on.basic_ack(tag)
            on.basic_ack(tag)
            on.queue_declare(self.queue, passive=True)

        self.assert_refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", ack_twice)

    def test_unknown_vhost(self):
        """errors: 530 for an unknown vhost"""
        with self.assertRaises(ProbableAccessDeniedError) as caught:
            pika.BlockingConnection(parameters(vhost="no-such-vhost"))
        self.assertIn("(530) 'NOT_ALLOWED - ", str(caught.exception))

    def test_wrong_password(self):
        """errors: 403 for a wrong password"""
        with self.assertRaises(ProbableAuthenticationError) as caught:
            pika.BlockingConnection(parameters(password="wrong"))
        self.assertIn("(403) 'ACCESS_REFUSED - Login was refused", str(caught.exception))


class Reconnect(PikaCase):
    def test_broken_connection(self):
        """reconnect: a consumer that connects again loses no message when the connection breaks"""
        target = parameters()
        proxy = TcpProxy(target.host, target.port)
        self.addCleanup(proxy.close)
        self.publish(b"0", b"1", b"2", b"3", b"4", b"5")
        first = pika.BlockingConnection(parameters(port=proxy.port)).channel()
        first.basic_qos(prefetch_count=5)
        before = self.collect(first, 5)
        first.basic_ack(before[1][0].delivery_tag, multiple=True)
        first.queue_declare(self.queue, passive=True)

        proxy.cut()
        ends_at = time.monotonic() + 10
        with self.assertRaises(AMQPConnectionError):
            while time.monotonic() < ends_at:
                first.connection.process_data_events(time_limit=0.1)
        self.publish(b"6", b"7")
        with self.assertRaises(AMQPConnectionError):
            pika.BlockingConnection(parameters(port=proxy.port))
        proxy.restore()

        second = pika.BlockingConnection(parameters(port=proxy.port)).channel()
        after = []
        for method, _, body in second.consume(self.queue, inactivity_timeout=10):
            self.assertIsNotNone(method, f"{len(after)} of 6 messages arrived")
            after.append((body, method.redelivered))
            second.basic_ack(method.delivery_tag)
            if len(after) == 6:
                break
        self.assertEqual([body for body, _ in after], [b"2", b"3", b"4", b"5", b"6", b"7"])
        # Later ones may or may not have been on their way to the client when the connection broke.
        self.assertEqual([again for _, again in after[:3]], [True, True, True])
        second.connection.close()
        self.assertEqual(self.message_count(), 0)

    def test_closed_by_broker(self):
        """reconnect: a connection that the broker closes leaves others alone and can be opened again"""
        doomed = pika.BlockingConnection(parameters())
        with self.assertRaises(ConnectionClosedByBroker) as caught:
            doomed.channel().basic_qos(prefetch_size=1)
        self.assertEqual(caught.exception.reply_code, 540)
        self.assertEqual(self.message_count(), 0)
        with pika.BlockingConnection(parameters()) as again:
            again.channel().basic_publish("", self.queue, b"back")
        self.assertEqual(self.take(auto_ack=True)[2], b"back")


if __name__ == "__main__":
    import sys

    import tap

    sys.exit(tap.run(sys.modules[__name__]))
