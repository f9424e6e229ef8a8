"""What monitoring and provisioning tools ask of the management API and the metrics, as requests with the fields that the tools read.

The tools are written in languages with strict parsers: a field that is missing or has another type ends them. `Fields` says
so of a recorded answer; what a tool takes as absent is `Maybe`.
"""

import base64
import gzip
import http.client
import json
import os
import sys
import time
import unittest
import uuid
from urllib.parse import quote, quote_plus, urlsplit

from amqp import Connection
from amqp.basic_message import Message
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import tap

API = urlsplit(os.environ["LEVERET_TEST_API"])
AMQP = urlsplit(os.environ["LEVERET_TEST_URI"])
METRICS = urlsplit(os.environ["LEVERET_TEST_METRICS"])
PATIENCE_SECONDS = 20


class Maybe:
    """A field that a tool takes as absent or null, and of that type when it is there."""

    def __init__(self, kind):
        self.kind = kind


class MapOf:
    """An object with names that the broker chooses."""

    def __init__(self, kind):
        self.kind = kind


def problems(value, kind, path="answer"):
    """What a strict parser would not take."""
    if isinstance(kind, Maybe):
        return [] if value is None else problems(value, kind.kind, path)
    if isinstance(kind, MapOf):
        if not isinstance(value, dict):
            return [f"{path} is {value!r}, no object"]
        return [text for name, part in value.items() for text in problems(part, kind.kind, f"{path}.{name}")]
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{path} is {value!r}, no list"]
        return [text for index, part in enumerate(value) for text in problems(part, kind[0], f"{path}[{index}]")]
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return [f"{path} is {value!r}, no object"]
        found = []
        for name, part in kind.items():
            if name not in value and not isinstance(part, Maybe):
                found.append(f"{path}.{name} is missing")
            else:
                found += problems(value.get(name), part, f"{path}.{name}")
        return found
    # A bool is an int to Python, and an int is a number to every tool.
    kinds = (int, float) if kind is float else kind
    if isinstance(value, bool) and kind is not bool or not isinstance(value, kinds):
        return [f"{path} is {value!r}, not {kind}"]
    return []


class ToolCase(unittest.TestCase):
    def setUp(self):
        self.name = f"interop.tools.{uuid.uuid4().hex[:8]}"
        self.http = http.client.HTTPConnection(API.hostname, API.port, timeout=PATIENCE_SECONDS)
        self.headers = {
            "Authorization": "Basic " + base64.b64encode(f"{API.username}:{API.password}".encode()).decode(),
            "Content-Type": "application/json",
        }

    def tearDown(self):
        self.http.close()

    def ask(self, method, path, body=None):
        """Status, headers and body as JSON."""
        self.http.request(method, "/api" + path, None if body is None else json.dumps(body), self.headers)
        response = self.http.getresponse()
        text = response.read()
        self.assertTrue(text == b"" or response.headers["Content-Type"].startswith("application/json"), text)
        return response.status, response.headers, json.loads(text) if text else None

    def expect(self, status, method, path, body=None):
        found, headers, answer = self.ask(method, path, body)
        self.assertEqual(found, status, f"{method} {path}: {answer}")
        return headers, answer

    def read(self, path, kind):
        _, answer = self.expect(200, "GET", path)
        self.assertEqual(problems(answer, kind), [], path)
        return answer

    def traffic(self, queue, messages=3):
        """So many messages in the queue, of which one is unacked."""
        connection = Connection(f"{AMQP.hostname}:{AMQP.port}", AMQP.username, AMQP.password)
        connection.connect()
        self.addCleanup(connection.close)
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, auto_delete=False)
        self.addCleanup(channel.queue_delete, queue)
        for _ in range(messages):
            channel.basic_publish_confirm(Message("body", delivery_mode=2), routing_key=queue)
        channel.basic_get(queue, no_ack=False)

    def until(self, look):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(0.1)
        self.fail("what was waited for did not come")


KEDA_QUEUE = {
    "name": str,
    "messages": int,
    "messages_ready": Maybe(int),
    "messages_unacknowledged": int,
    "message_stats": Maybe({"publish_details": Maybe({"rate": float}), "deliver_get_details": Maybe({"rate": float})}),
}


class Keda(ToolCase):
    def test_queue(self):
        """KEDA: the length and the rate of a queue, its name escaped as in a query"""
        queue = self.name + " of orders"
        self.traffic(queue)
        path = f"/queues/{quote_plus('/')}/{quote_plus(queue)}"
        answer = self.read(path, KEDA_QUEUE)
        self.assertEqual((answer["messages"], answer["messages_unacknowledged"]), (3, 1))

        def has_rate():
            stats = self.read(path, KEDA_QUEUE).get("message_stats", {})
            return stats.get("publish_details") and stats.get("deliver_get_details")

        self.until(has_rate)

    def test_pattern(self):
        """KEDA: all queues whose names match a pattern, on one page"""
        for suffix in ("a", "b"):
            self.traffic(f"{self.name}.{suffix}")
        pattern = quote_plus(f"^{self.name}\\.[ab]$")
        path = f"/queues/%2F?page=1&use_regex=true&pagination=false&name={pattern}&page_size=100"
        answer = self.read(path, {"items": [KEDA_QUEUE], "page_count": int})
        self.assertEqual(answer["page_count"], 1)
        self.assertEqual(sum(item["messages"] for item in answer["items"]), 6)

    def test_missing(self):
        """KEDA: a queue that is not there is a 404"""
        self.expect(404, "GET", f"/queues/%2F/{self.name}")


class Flower(ToolCase):
    def test_queues(self):
        """Flower: the queues of a virtual host, with the columns of its page"""
        self.traffic(self.name)
        kind = {
            "name": str,
            "messages": int,
            "messages_unacknowledged": int,
            "messages_ready": int,
            "consumers": int,
            "idle_since": Maybe(str),
        }
        answer = self.read("/queues/%2F", [kind])
        self.assertEqual([entry["messages"] for entry in answer if entry["name"] == self.name], [3])


VHOST = {
    "name": str,
    "description": str,
    "tags": [str],
    "default_queue_type": str,
    "tracing": bool,
    "messages": Maybe(int),
    "messages_ready": Maybe(int),
    "messages_unacknowledged": Maybe(int),
    "recv_oct": Maybe(int),
    "send_oct": Maybe(int),
    "cluster_state": MapOf(str),
}
QUEUE = {
    "name": str,
    "vhost": str,
    "type": str,
    "durable": bool,
    "exclusive": Maybe(bool),
    "auto_delete": bool,
    "arguments": MapOf(object),
    "node": str,
    "memory": Maybe(int),
    "policy": Maybe(str),
    "consumers": int,
    "messages": int,
    "messages_details": Maybe({"rate": float}),
    "message_bytes": int,
    "owner_pid_details": Maybe({"name": str, "peer_port": int, "peer_host": str}),
    "consumer_details": Maybe([dict]),
}
EXCHANGE = {
    "name": str,
    "vhost": str,
    "type": str,
    "durable": bool,
    "auto_delete": bool,
    "internal": bool,
    "arguments": MapOf(object),
}
BINDING = {
    "source": str,
    "vhost": str,
    "destination": str,
    "destination_type": str,
    "routing_key": str,
    "arguments": MapOf(object),
    "properties_key": str,
}
POLICY = {
    "vhost": str,
    "name": str,
    "pattern": str,
    "apply-to": str,
    "priority": int,
    "definition": MapOf(object),
}
OVERVIEW = {
    "management_version": str,
    "rates_mode": str,
    "product_name": str,
    "product_version": str,
    "rabbitmq_version": str,
    "cluster_name": str,
    "erlang_version": str,
    "node": str,
    "statistics_db_event_queue": int,
    "exchange_types": [{"name": str, "description": str, "enabled": bool}],
    "queue_totals": {"messages": Maybe(int), "messages_ready": Maybe(int), "messages_unacknowledged": Maybe(int)},
    "object_totals": {"consumers": int, "queues": int, "exchanges": int, "connections": int, "channels": int},
    "listeners": [{"node": str, "protocol": str, "ip_address": str, "port": int}],
    "contexts": [{"node": str, "description": str, "path": str, "port": (int, str)}],
}


class Terraform(ToolCase):
    """A plan is applied, read again, changed and destroyed, each resource as the provider does."""

    def setUp(self):
        super().setUp()
        self.vhost = quote(self.name + "/v", safe="")

    def created(self, path, body):
        self.expect(201, "PUT", path, body)

    def destroyed(self, path):
        self.expect(204, "DELETE", path)
        self.expect(404, "GET", path)

    def test_plan(self):
        """Terraform: virtual host, user, permissions, queue, exchange, binding, policies and limits are made, read, changed and destroyed"""
        self.read("/overview", OVERVIEW)
        vhost, user = f"/vhosts/{self.vhost}", f"/users/{self.name}"
        self.created(vhost, {"description": "", "tags": ["a"], "default_queue_type": "", "tracing": False})
        self.assertEqual(self.read(vhost, VHOST)["tags"], ["a"])
        self.expect(204, "PUT", vhost, {"description": "changed", "tags": None, "default_queue_type": "quorum"})
        self.read(vhost, VHOST)
        self.created(user, {"name": self.name, "password": "x", "tags": "management,monitoring"})
        answer = self.read(user, {"name": str, "password_hash": str, "hashing_algorithm": str, "tags": [str]})
        self.assertEqual(answer["tags"], ["management", "monitoring"])
        self.permissions()
        self.topology()
        self.policies()
        self.destroyed(user)
        self.destroyed(vhost)

    def permissions(self):
        path = f"/permissions/{self.vhost}/{self.name}"
        self.created(path, {"configure": "^a", "write": ".*", "read": ""})
        kind = {"user": str, "vhost": str, "configure": str, "write": str, "read": str}
        self.assertEqual(self.read(path, kind)["read"], "")
        topic = f"/topic-permissions/{self.vhost}/{self.name}"
        self.created(topic, {"exchange": "amq.topic", "write": ".*", "read": "^k"})
        self.read(topic, [{"user": str, "vhost": str, "exchange": str, "write": str, "read": str}])
        self.destroyed(topic)
        self.destroyed(path)

    def topology(self):
        queue, exchange = f"/queues/{self.vhost}/orders", f"/exchanges/{self.vhost}/shop"
        body = {"vhost": self.name, "type": "", "durable": True, "auto_delete": False, "arguments": {"x-expires": 3600000}}
        self.created(queue, body)
        self.assertEqual(self.read(queue, QUEUE)["arguments"]["x-expires"], 3600000)
        self.created(exchange, {"type": "topic", "durable": True, "auto_delete": False, "arguments": None})
        self.read(exchange, EXCHANGE)
        self.binding()
        self.destroyed(queue)
        self.destroyed(exchange)

    def binding(self):
        between = f"/bindings/{self.vhost}/e/shop/q/orders"
        headers, _ = self.expect(201, "POST", between, {"routing_key": "a b/#", "arguments": {"x": 1}})
        key = headers["Location"].rsplit("/", 1)[-1]
        listed = self.read(f"/bindings/{self.vhost}", [BINDING])
        [found] = [entry for entry in listed if entry["source"] == "shop"]
        self.assertEqual(quote(found["properties_key"], safe=""), key)
        self.assertEqual((found["routing_key"], found["arguments"]), ("a b/#", {"x": 1}))
        self.destroyed(f"{between}/{key}")

    def policies(self):
        for kind in ("policies", "operator-policies"):
            path = f"/{kind}/{self.vhost}/limit"
            body = {"name": "limit", "pattern": ".*", "apply-to": "queues", "priority": 0, "definition": {"max-length": 10}}
            self.created(path, body)
            self.assertEqual(self.read(path, POLICY)["definition"], {"max-length": 10})
            self.expect(204, "PUT", path, {**body, "priority": 3})
            self.destroyed(path)
        limit = f"/vhost-limits/{self.vhost}/max-queues"
        self.expect(204, "PUT", limit, {"value": 5})
        answer = self.read(f"/vhost-limits/{self.vhost}", [{"vhost": str, "value": MapOf(int)}])
        self.assertEqual(answer[0]["value"], {"max-queues": 5})
        self.expect(204, "DELETE", limit)


class Readiness(ToolCase):
    def test_checks(self):
        """Testcontainers, Spring and Kubernetes: the health checks say that the broker is there"""
        for check in ("alarms", "local-alarms", "virtual-hosts", "node-is-quorum-critical", f"port-listener/{AMQP.port}"):
            self.read(f"/health/checks/{check}", {"status": str})
        self.read("/aliveness-test/%2F", {"status": str})
        status, _, answer = self.ask("GET", "/health/checks/port-listener/1")
        self.assertEqual((status, problems(answer, {"status": str, "reason": str})), (503, []))

    def test_versions(self):
        """NServiceBus and ServiceControl: the version is at least 3.10, features are listed, queues come by pages"""
        overview = self.read("/overview", OVERVIEW)
        self.assertGreaterEqual([int(part) for part in overview["rabbitmq_version"].split(".")], [3, 10, 0])
        self.assertEqual(overview["product_name"], "Leveret")
        flags = self.read("/feature-flags", [{"name": str, "state": str, "desc": str, "stability": str, "provided_by": str}])
        self.assertIn("enabled", {flag["state"] for flag in flags})
        page = {"items": [QUEUE], "page": int, "page_count": int, "page_size": int, "total_count": int, "item_count": int}
        self.traffic(self.name)
        self.read(f"/queues/%2F?page=1&page_size=500&name={self.name}&sort=name", page)


class Prometheus(unittest.TestCase):
    ACCEPT = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    )

    def scrape(self, path, accept):
        connection = http.client.HTTPConnection(METRICS.hostname, METRICS.port, timeout=PATIENCE_SECONDS)
        headers = {"Accept": accept, "Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        self.assertEqual(response.status, 200)
        text = gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body
        return response.headers["Content-Type"], text.decode()

    def scraped(self, path):
        """The samples as its parsers read them, of both forms: none comes twice."""
        kind, text = self.scrape(path, self.ACCEPT)
        families = list((parse_openmetrics if kind.startswith("application/openmetrics-text") else parse_text)(text))
        plain_kind, plain = self.scrape(path, "text/plain;version=0.0.4")
        self.assertTrue(plain_kind.startswith("text/plain"), plain_kind)
        for parsed in (families, list(parse_text(plain))):
            seen = set()
            for family in parsed:
                # RabbitMQ's own two have no type either.
                if family.name not in ("rabbitmq_build_info", "rabbitmq_identity_info"):
                    self.assertNotEqual(family.type, "unknown", family.name)
                for sample in family.samples:
                    series = (sample.name, tuple(sorted(sample.labels.items())))
                    self.assertNotIn(series, seen)
                    seen.add(series)
        return {sample.name: sample for family in families for sample in family.samples}

    def test_aggregated(self):
        """Prometheus: what dashboards multiply everything by is there once, and the totals are"""
        samples = self.scraped("/metrics")
        self.assertEqual(samples["rabbitmq_identity_info"].value, 1)
        self.assertEqual(set(samples["rabbitmq_identity_info"].labels) >= {"rabbitmq_node", "rabbitmq_cluster"}, True)
        for name in (
            "rabbitmq_build_info",
            "rabbitmq_queue_messages_ready",
            "rabbitmq_connections",
            "rabbitmq_connections_opened_total",
            "rabbitmq_global_messages_received_total",
            "rabbitmq_global_messages_delivered_consume_manual_ack_total",
            "rabbitmq_alarms_memory_used_watermark",
            "rabbitmq_process_resident_memory_bytes",
        ):
            self.assertIn(name, samples)

    def test_per_object(self):
        """Prometheus: metrics of every object, and of chosen families, can be read by its parsers"""
        for path in (
            "/metrics/per-object",
            "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&vhost=%2F",
        ):
            self.assertIn("rabbitmq_identity_info", self.scraped(path), path)


if __name__ == "__main__":
    sys.exit(tap.run(sys.modules["__main__"]))
