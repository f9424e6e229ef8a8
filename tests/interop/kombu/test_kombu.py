"""kombu and Celery against the broker at LEVERET_TEST_URI: the topologies that they declare by themselves."""

import os
import socket
import sys
import time
import unittest
import uuid

from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Reject
from kombu import Connection, Consumer, Exchange, Queue
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    calculate_routing_key,
    declare_native_delayed_delivery_exchanges_and_queues,
)

import tap

URI = os.environ["LEVERET_TEST_URI"] + "//"
PATIENCE_SECONDS = 20


def fresh_name(subject):
    return f"interop.{subject}.{uuid.uuid4().hex[:8]}"


class KombuCase(unittest.TestCase):
    def setUp(self):
        self.connection = Connection(URI, transport_options={"confirm_publish": True})
        self.channel = self.connection.channel()
        self.producer = self.connection.Producer(channel=self.channel)

    def tearDown(self):
        self.connection.release()

    def received(self, queue, count, seconds=PATIENCE_SECONDS):
        """The bodies of so many messages, with when each arrived and its headers."""
        messages = []

        def take(body, message):
            messages.append((body, time.monotonic(), message))
            message.ack()

        with Consumer(self.connection, [queue], callbacks=[take], accept=["json"], prefetch_count=1):
            until = time.monotonic() + seconds
            while len(messages) < count:
                left = until - time.monotonic()
                if left <= 0:
                    break
                try:
                    self.connection.drain_events(timeout=left)
                except socket.timeout:
                    break
        self.assertEqual(len(messages), count)
        return messages

    def test_priorities(self):
        """a queue with max_priority delivers what is urgent first"""
        queue = Queue(fresh_name("kombu.priority"), max_priority=10)(self.channel)
        queue.declare()
        for priority in (0, 9, 3, 9, 255):
            self.producer.publish({"priority": priority}, routing_key=queue.name, priority=priority)
        order = [body["priority"] for body, _, _ in self.received(queue, 5)]
        # What is above the maximum counts as the maximum.
        self.assertEqual(order, [255, 9, 9, 3, 0])
        queue.delete()

    def test_expiration(self):
        """what expires in a queue with message_ttl, or by its own expiration, comes to its dead letter queue"""
        dead = Queue(fresh_name("kombu.dead"), Exchange(fresh_name("kombu.dlx"), "fanout", auto_delete=True))(self.channel)
        dead.declare()
        waiting = Queue(
            fresh_name("kombu.waiting"),
            message_ttl=1.5,
            expires=600,
            queue_arguments={"x-dead-letter-exchange": dead.exchange.name},
        )(self.channel)
        waiting.declare()
        began = time.monotonic()
        self.producer.publish({"n": 1}, routing_key=waiting.name, expiration=0.3)
        self.producer.publish({"n": 2}, routing_key=waiting.name)
        (first, first_at, first_message), (second, second_at, _) = self.received(dead, 2)
        self.assertEqual((first["n"], second["n"]), (1, 2))
        self.assertGreaterEqual(first_at - began, 0.3)
        self.assertLess(first_at - began, 1.5)
        self.assertGreaterEqual(second_at - began, 1.5)
        death = first_message.headers["x-death"][0]
        self.assertEqual((death["reason"], death["queue"], death["original-expiration"]), ("expired", waiting.name, "300"))
        for queue in (waiting, dead):
            queue.delete()

    def test_max_length(self):
        """a queue with max_length keeps the newest"""
        queue = Queue(fresh_name("kombu.length"), max_length=2)(self.channel)
        queue.declare()
        for number in range(5):
            self.producer.publish({"n": number}, routing_key=queue.name)
        self.assertEqual([body["n"] for body, _, _ in self.received(queue, 2)], [3, 4])
        queue.delete()

    def delayed(self, queue_type):
        prefix = fresh_name("delay")
        declare_native_delayed_delivery_exchanges_and_queues(self.connection, queue_type, prefix)
        name = fresh_name("kombu.delayed")
        queue = Queue(name, Exchange(name, "topic"), routing_key=name, queue_arguments={"x-queue-type": queue_type})
        queue(self.channel).declare()
        bind_queue_to_native_delayed_delivery_exchange(self.connection, queue, prefix)
        top = f"{prefix}_celery_delayed_27"
        began = time.monotonic()
        for seconds in (3, 1, 2):
            self.producer.publish(
                {"seconds": seconds}, exchange=top, routing_key=calculate_routing_key(seconds, name), delivery_mode=2
            )
        for body, at, _ in self.received(queue, 3):
            self.assertGreaterEqual(at - began, body["seconds"])
            self.assertLess(at - began, body["seconds"] + 1)
        for level in range(28):
            self.channel.queue_delete(f"{prefix}_celery_delayed_{level}")
            self.channel.exchange_delete(f"{prefix}_celery_delayed_{level}")
        queue(self.channel).delete()

    def test_delayed_classic(self):
        """native delayed delivery through 28 classic queues arrives in time"""
        self.delayed("classic")

    def test_delayed_quorum(self):
        """native delayed delivery through 28 quorum queues arrives in time"""
        self.delayed("quorum")


class CeleryCase(unittest.TestCase):
    def setUp(self):
        name = fresh_name("celery")
        self.dead = Queue(f"{name}.dead", Exchange(f"{name}.dlx", "fanout"))
        self.queue = Queue(
            name,
            Exchange(name, "direct"),
            routing_key=name,
            max_priority=10,
            queue_arguments={"x-dead-letter-exchange": f"{name}.dlx"},
        )
        self.app = Celery("interop", broker=URI, backend="rpc://")
        self.app.conf.update(
            task_queues=[self.queue],
            task_default_queue=name,
            task_default_exchange=name,
            task_default_routing_key=name,
            worker_prefetch_multiplier=10,
            broker_connection_retry_on_startup=False,
        )
        with self.app.connection() as connection:
            self.dead(connection.channel()).declare()

    def tearDown(self):
        with self.app.connection() as connection:
            self.dead(connection.channel()).delete()
            self.queue(connection.channel()).delete()

    def test_tasks(self):
        """a worker runs tasks at once, with a countdown and after a retry; what it rejects is a dead letter; it ends when told"""
        app = self.app
        tries = []

        @app.task(name="add")
        def add(a, b):
            return a + b

        @app.task(name="flaky", bind=True, default_retry_delay=0.2, max_retries=3)
        def flaky(task):
            tries.append(task.request.retries)
            if len(tries) < 3:
                raise task.retry()
            return "done"

        @app.task(name="refuse", acks_late=True)
        def refuse():
            raise Reject("no", requeue=False)

        with start_worker(
            app, perform_ping_check=False, pool="solo", loglevel="CRITICAL", shutdown_timeout=PATIENCE_SECONDS
        ) as worker:
            self.assertEqual(add.delay(1, 2).get(timeout=PATIENCE_SECONDS), 3)
            began = time.monotonic()
            self.assertEqual(add.apply_async((3, 4), countdown=1, priority=5).get(timeout=PATIENCE_SECONDS), 7)
            self.assertGreaterEqual(time.monotonic() - began, 0.9)
            self.assertEqual(flaky.delay().get(timeout=PATIENCE_SECONDS), "done")
            self.assertEqual(tries, [0, 1, 2])
            refuse.delay()
            with app.connection() as connection:
                dead = self.dead(connection.channel())
                until = time.monotonic() + PATIENCE_SECONDS
                message = None
                while message is None and time.monotonic() < until:
                    message = dead.get(no_ack=True)
                    if message is None:
                        time.sleep(0.05)
                self.assertIsNotNone(message)
                self.assertEqual(message.headers["task"], "refuse")
                self.assertEqual(message.headers["x-death"][0]["reason"], "rejected")
            # start_worker only leaves a note, and a worker that hears nothing looks for notes every ten seconds. A control message
            # wakes it, and it ends as a worker does that an operator ends: basic.cancel, channel.close, connection.close.
            self.assertEqual(app.control.ping(timeout=PATIENCE_SECONDS, limit=1), [{worker.hostname: {"ok": "pong"}}])
            app.control.shutdown(destination=[worker.hostname])


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules["__main__"]))
