import { once } from 'node:events'
import { createConnection } from 'node:net'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

let started: TestBroker
let url: string

beforeAll(async () => {
  started = await startTestBroker()
  url = (await started.server.http.listenMetrics({ port: 0 })).url
  const { broker } = started
  broker.createVhost('v').declareQueue('other')
  broker.declareQueue('a"b\\')
  broker.declareQueue('quorum', { arguments: { 'x-queue-type': 'quorum' } })
  const connection = await connect(started.url)
  const channel = await connection.createConfirmChannel()
  channel.sendToQueue('quorum', Buffer.from('x'))
  channel.publish('', 'nowhere', Buffer.from('x'))
  await channel.waitForConfirms()
  await channel.get('quorum')
})

afterAll(() => started.stop())

async function series(path = ''): Promise<Map<string, number>> {
  const response = await fetch(`${url}${path}`)
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ])
  const found = new Map<string, number>()
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', value = ''] = /^(.*) (\S+)$/.exec(line) ?? []
    expect([line, /^[a-z0-9_]+(?:\{.*\})?$/.test(name), found.has(name)]).toEqual([line, true, false])
    found.set(name, Number(value.replace('+Inf', 'Infinity')))
  }
  return found
}

/** What RabbitMQ's Overview dashboard (10991) reads of a server without plugins, with the very labels that it asks for. */
const OF_DASHBOARD = [
  ...['100.0', '1000.0', '10000.0', '100000.0', '1e+06', '1e+07', '5e+07', '1e+08', '+Inf'].map(
    (le) => `rabbitmq_message_size_bytes_bucket{protocol="amqp091",le="${le}"}`,
  ),
  'rabbitmq_erlang_uptime_seconds',
  'rabbitmq_queue_messages_ready',
  'rabbitmq_queue_messages_unacked',
  'rabbitmq_connections',
  'rabbitmq_channels',
  'rabbitmq_queues',
  'rabbitmq_consumers',
  'rabbitmq_connections_opened_total',
  'rabbitmq_connections_closed_total',
  'rabbitmq_channels_opened_total',
  'rabbitmq_channels_closed_total',
  'rabbitmq_queues_declared_total',
  'rabbitmq_queues_created_total',
  'rabbitmq_queues_deleted_total',
  'rabbitmq_process_resident_memory_bytes',
  'rabbitmq_resident_memory_limit_bytes',
  'rabbitmq_disk_space_available_bytes',
  'rabbitmq_disk_space_available_limit_bytes',
  'rabbitmq_process_open_fds',
  'rabbitmq_process_max_fds',
  'rabbitmq_global_publishers{protocol="amqp091"}',
  'rabbitmq_global_consumers{protocol="amqp091"}',
  ...['received', 'received_confirm', 'routed', 'confirmed', 'unroutable_dropped', 'unroutable_returned'].map(
    (name) => `rabbitmq_global_messages_${name}_total{protocol="amqp091"}`,
  ),
  ...[
    'delivered',
    'delivered_consume_auto_ack',
    'delivered_consume_manual_ack',
    'delivered_get_auto_ack',
    'delivered_get_manual_ack',
    'get_empty',
    'redelivered',
    'acknowledged',
  ].flatMap((name) =>
    ['classic', 'quorum'].map(
      (type) => `rabbitmq_global_messages_${name}_total{protocol="amqp091",queue_type="rabbit_${type}_queue"}`,
    ),
  ),
]

describe('metrics', () => {
  test('of all objects together have what the dashboard reads', async () => {
    const found = await series()
    expect(OF_DASHBOARD.filter((name) => !found.has(name))).toEqual([])
    const identity = [...found.keys()].filter((name) => name.startsWith('rabbitmq_identity_info{'))
    expect(identity).toHaveLength(1)
    expect(identity[0]).toContain('rabbitmq_endpoint="aggregated"')
    expect(identity[0]).toMatch(/rabbitmq_node="leveret@/)
    expect(found.get('rabbitmq_queues')).toBe(3)
    expect(found.get('rabbitmq_queue_messages_unacked')).toBe(1)
    expect(found.get('rabbitmq_global_messages_received_total{protocol="amqp091"}')).toBe(2)
    expect(found.get('rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"}')).toBe(1)
    const got =
      'rabbitmq_global_messages_delivered_get_manual_ack_total{protocol="amqp091",queue_type="rabbit_quorum_queue"}'
    expect(found.get(got)).toBe(1)
    expect(found.get('rabbitmq_channel_messages_published_total')).toBe(2)
    expect(found.get('rabbitmq_connections')).toBe(1)
  })

  test('tell sizes, dead letters, log-ins, times and what publishers waited for', async () => {
    const { broker, server } = started
    broker.declareQueue('short', { arguments: { 'x-max-length': 1, 'x-dead-letter-exchange': 'amq.fanout' } })
    const before = await series()
    const size = (le: string): string => `rabbitmq_message_size_bytes_bucket{protocol="amqp091",le="${le}"}`
    for (const bytes of [100, 101, 20_000]) broker.publish('', 'short', Buffer.alloc(bytes))
    await fetch(url.replace('/metrics', '/other'))
    await server.logins.check({ name: 'guest', password: 'guest' }, '127.0.0.1')
    started.blockPublishers()
    started.unblockPublishers()
    const after = await series()
    const growth = (name: string): number => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN)
    expect(['100.0', '1000.0', '10000.0', '100000.0', '+Inf'].map((le) => growth(size(le)))).toEqual([1, 2, 2, 3, 3])
    expect(growth('rabbitmq_message_size_bytes_sum{protocol="amqp091"}')).toBe(20_201)
    expect(growth('rabbitmq_message_size_bytes_count{protocol="amqp091"}')).toBe(3)
    const deaths = 'queue_type="rabbit_classic_queue",dead_letter_strategy="at_most_once"'
    expect(growth(`rabbitmq_global_messages_dead_lettered_maxlen_total{${deaths}}`)).toBe(2)
    expect(growth(`rabbitmq_global_messages_dead_lettered_rejected_total{${deaths}}`)).toBe(0)
    expect(growth('rabbitmq_auth_attempts_succeeded_total{protocol="http"}')).toBe(1)
    expect(growth('rabbitmq_auth_attempts_total{protocol="amqp091"}')).toBe(0)
    expect(growth('leveret_alarms_total{resource="memory"}')).toBe(1)
    expect(after.get('leveret_alarm_active{resource="memory"}')).toBe(0)
    for (const name of [
      'leveret_blocked_seconds_total{resource="memory"}',
      'leveret_event_loop_delay_seconds{quantile="0.99"}',
      'leveret_recovery_duration_seconds',
      'leveret_commit_duration_seconds_bucket{le="0.001"}',
      'rabbitmq_io_write_ops_total',
      'message_broker_messages_published_total',
      'message_broker_messages_consumed_total',
      'message_broker_active_connections',
      'message_broker_queue_size',
      'message_broker_processing_duration_seconds_count',
    ]) {
      expect([name, after.has(name)]).toEqual([name, true])
    }
    broker.deleteQueue('short')
  })

  test('are in the form of OpenMetrics for who asks for that', async () => {
    const ask = async (accept: string) => {
      const response = await fetch(`${url}/per-object`, { headers: { accept } })
      return { type: response.headers.get('content-type'), text: await response.text() }
    }
    const asked = 'application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
    const { type, text } = await ask(asked)
    expect(type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name = '', kind = '']) => [name, kind] as const,
    )
    expect(new Set(families.map(([name]) => name)).size).toBe(families.length)
    expect(new Set(families.map(([, kind]) => kind))).toEqual(new Set(['counter', 'gauge', 'histogram', 'unknown']))
    // Each line belongs to the family above it, by the suffixes that its type allows.
    const suffixes: Record<string, string> = {
      counter: '_total',
      gauge: '',
      unknown: '',
      histogram: '_(?:bucket|sum|count)',
    }
    let [name, kind] = ['', '']
    for (const line of text.trimEnd().split('\n')) {
      const [, newName, newKind] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
      if (newName !== undefined && newKind !== undefined) [name, kind] = [newName, newKind]
      else if (!line.startsWith('#')) {
        expect([line, new RegExp(`^${name}${suffixes[kind]}[{ ]`).test(line)]).toEqual([line, true])
      }
    }
    expect((await ask('text/plain')).type).toContain('text/plain')
    expect((await ask('*/*')).type).toContain('text/plain')
    expect((await ask('application/openmetrics-text;q=0.1,text/plain')).type).toContain('text/plain')
  })

  test('of memory are those of RabbitMQ', async () => {
    const found = await series('/memory-breakdown')
    expect(found.get('rabbitmq_memory_total_bytes')).toBeGreaterThan(0)
  })

  test('stand beside probes', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      expect(await (await fetch(url.replace('/metrics', path))).json()).toEqual({ status: 'ok' })
    }
  })

  test('of each object name it', async () => {
    const found = await series('/per-object')
    expect(found.get('rabbitmq_queue_messages_unacked{vhost="/",queue="quorum"}')).toBe(1)
    expect(found.get('rabbitmq_queue_messages{vhost="v",queue="other"}')).toBe(0)
    expect(found.get('rabbitmq_queue_messages{vhost="/",queue="a\\"b\\\\"}')).toBe(0)
    expect(
      [...found.keys()].some((name) => /^rabbitmq_channel_messages_published_total\{channel=".*\(1\)"/.test(name)),
    ).toBe(true)
  })

  test('in detail are those that are asked for, of the virtual hosts that are asked for', async () => {
    const names = async (path: string) =>
      [...(await series(path)).keys()].filter((name) => name.startsWith('rabbitmq_detailed_'))
    expect(await names('/detailed')).toEqual([])
    expect(await names('/detailed?family=queue_consumer_count&vhost=v')).toEqual([
      'rabbitmq_detailed_queue_consumers{vhost="v",queue="other"}',
    ])
    const both = await names('/detailed?family=queue_coarse_metrics&family=channel_metrics')
    expect(both).toContain('rabbitmq_detailed_queue_messages_ready{vhost="/",queue="quorum"}')
    expect(both.some((name) => name.startsWith('rabbitmq_detailed_channel_consumers{'))).toBe(true)
    expect(await names('/detailed?family=channel_metrics&vhost=v')).toEqual([])
  })

  test('count on when what they counted is gone', async () => {
    const name = 'rabbitmq_global_messages_routed_total{protocol="amqp091"}'
    const before = (await series()).get(name) ?? 0
    expect(before).toBeGreaterThan(0)
    started.broker.deleteQueue('quorum')
    await started.closeConnections()
    const after = await series()
    expect(after.get(name)).toBe(before)
    expect(after.get('rabbitmq_global_messages_received_total{protocol="amqp091"}')).toBe(2)
    expect(after.get('rabbitmq_connections')).toBe(0)
    expect(after.get('rabbitmq_connections_closed_total')).toBe(1)
  })

  test('are at no other path', async () => {
    expect((await fetch(url.replace('/metrics', '/other'))).status).toBe(404)
  })
})

test('clients get their answers one after the other, whether they read them or not, and few may wait', async () => {
  const { statistics } = started.server
  let goOn = (): void => {}
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const totals = statistics.totals.bind(statistics)
  vi.spyOn(statistics, 'totals').mockImplementationOnce(async () => {
    await gate
    return await totals()
  })
  const { hostname, port } = new URL(url)
  const idle = Array.from({ length: 30 }, () => createConnection(Number(port), hostname))
  const answers: string[] = []
  try {
    await Promise.all(idle.map((socket) => once(socket, 'connect')))
    for (const socket of idle) {
      socket.write('GET /metrics/per-object HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      socket.once('data', (data) => answers.push(String(data).split('\r\n')[0] ?? ''))
    }
    await expect.poll(() => answers).toEqual(Array.from({ length: 21 }, () => 'HTTP/1.1 429 Too Many Requests'))
    goOn()
    await expect.poll(() => answers.slice(21)).toEqual(Array.from({ length: 9 }, () => 'HTTP/1.1 200 OK'))
  } finally {
    for (const socket of idle) socket.destroy()
  }
  expect((await fetch(`${url}/per-object`)).status).toBe(200)
})

test('metrics are given after requests for their headers alone', async () => {
  for (let left = 9; left > 0; left--) expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(url)).status).toBe(200)
})
