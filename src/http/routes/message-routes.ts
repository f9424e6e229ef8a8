/** Publishing to an exchange, and getting messages from a queue. */
import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import { BrokerError } from '../../broker/errors.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { MessageProperties } from '../../embedded/message-properties.ts'
import type { PeekedMessage, ReceivedMessage } from '../../embedded/received-message.ts'
import { json } from '../answers.ts'
import { badRequest, notFound } from '../api-error.ts'
import { integerIn, LONG_BODY_BYTES_MAX, objectIn, parseTexts, requireKeys, textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { type JsonObject, jsonTable } from '../json.ts'
import { endpoint, type Route } from '../route.ts'

/** RabbitMQ's names, and ours. */
const PROPERTIES = {
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  delivery_mode: 'deliveryMode',
  priority: 'priority',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  expiration: 'expiration',
  message_id: 'messageId',
  timestamp: 'timestamp',
  type: 'type',
  user_id: 'userId',
  app_id: 'appId',
  cluster_id: 'clusterId',
} as const satisfies Record<string, keyof MessageProperties>

const NUMBERS = new Set(['delivery_mode', 'priority', 'timestamp'])

const MESSAGES_MAX = 10_000
const BYTES_MAX = 64 * 1024 * 1024

async function publish(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const body = parseTexts(await call.bytes(LONG_BODY_BYTES_MAX))
  requireKeys(body, ['routing_key', 'properties', 'payload', 'payload_encoding'])
  const payload = payloadIn(body)
  const properties = propertiesIn(objectIn(body, 'properties'))
  try {
    const { routed } = broker.publish(call.param('exchange'), textIn(body, 'routing_key') ?? '', payload, properties)
    await broker.whenDurable()
    return json({ routed })
  } catch (error) {
    // The channel that RabbitMQ publishes by is closed with these.
    if (error instanceof BrokerError && error.kind === 'not-found') throw badRequest(`404 NOT_FOUND - ${error.message}`)
    throw error
  }
}

function payloadIn(body: JsonObject): Buffer {
  const text = textIn(body, 'payload') ?? ''
  const encoding = textIn(body, 'payload_encoding')
  if (encoding === 'string') return Buffer.from(text)
  if (encoding !== 'base64') throw badRequest(`Unsupported payload encoding: ${String(encoding).slice(0, 64)}`)
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw badRequest('not_base64')
  return Buffer.from(text, 'base64')
}

function propertiesIn(given: JsonObject): MessageProperties {
  const properties: Record<string, unknown> = {}
  for (const [name, ours] of Object.entries(PROPERTIES)) {
    const value = given[name]
    if (value === undefined || value === null || value === '') continue
    if (!NUMBERS.has(name)) properties[ours] = String(textIn(given, name))
    else {
      // It is there. A timestamp has 64 bits.
      if (name === 'timestamp')
        properties[ours] = typeof value === 'bigint' ? value : BigInt(integerIn(given, name) as number)
      else properties[ours] = integerIn(given, name)
    }
  }
  const headers = objectIn(given, 'headers') as PlainTable // JSON is one
  return { ...properties, ...(Object.keys(headers).length === 0 ? {} : { headers }) }
}

// --- get

const ACK_MODES = {
  ack_requeue_true: { isRejected: false, requeue: true },
  ack_requeue_false: { isRejected: false, requeue: false },
  reject_requeue_true: { isRejected: true, requeue: true },
  reject_requeue_false: { isRejected: true, requeue: false },
} as const

type AckMode = (typeof ACK_MODES)[keyof typeof ACK_MODES]

async function get(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const queue = call.param('queue')
  const body = await call.body()
  requireKeys(body, ['ackmode' in body || !('requeue' in body) ? 'ackmode' : 'requeue', 'count', 'encoding'])
  const mode = ackMode(body)
  const count = integerIn(body, 'count') ?? 1
  if (count < 1 || count > MESSAGES_MAX) throw badRequest(`count must be from 1 to ${MESSAGES_MAX}`)
  const encoding = textIn(body, 'encoding')
  if (encoding !== 'auto' && encoding !== 'base64')
    throw badRequest(`Unsupported encoding: ${String(encoding).slice(0, 64)}`)
  const truncate = integerIn(body, 'truncate')
  if (truncate !== undefined && truncate < 0) throw badRequest('truncate must not be negative')
  if (broker.queueInfo(queue) === undefined)
    throw new BrokerError('not-found', `NOT_FOUND - no queue '${queue}' in vhost '${broker.name}'`)
  const taken = await take(broker, queue, count, mode)
  await broker.whenDurable()
  return json(taken.map(({ message, left }) => messageShape(message, left, encoding === 'base64', truncate)))
}

function ackMode(body: JsonObject): AckMode {
  const text = textIn(body, 'ackmode')
  // An older form.
  if (text === undefined)
    return body.requeue === true || body.requeue === 'true' ? ACK_MODES.ack_requeue_true : ACK_MODES.ack_requeue_false
  if (!Object.hasOwn(ACK_MODES, text)) throw badRequest(`Unsupported ackmode: ${text.slice(0, 64)}`)
  return ACK_MODES[text as keyof typeof ACK_MODES]
}

interface Taken {
  readonly message: ReceivedMessage
  readonly left: number
}

async function take(
  broker: EmbeddedBroker,
  queue: string,
  count: number,
  { isRejected, requeue }: AckMode,
): Promise<Taken[]> {
  const taken: Taken[] = []
  let bytes = 0
  try {
    while (taken.length < count && bytes < BYTES_MAX) {
      const message = await broker.get(queue)
      if (message === undefined) break
      bytes += message.body.length
      taken.push({ message, left: broker.queueInfo(queue)?.messagesReady ?? 0 })
    }
  } finally {
    // The first one comes back first.
    for (const { message } of taken) {
      if (requeue) broker.nack(message)
      else if (isRejected) broker.reject(message, { requeue: false })
      else broker.ack(message)
    }
  }
  return taken
}

function messageShape(message: PeekedMessage, left: number, isBase64: boolean, truncate: number | undefined) {
  const { body, exchange, routingKey, redelivered, properties } = message
  const shown = truncate === undefined ? body : body.subarray(0, truncate)
  const text = isBase64 ? undefined : textOf(shown)
  return {
    payload_bytes: body.length,
    redelivered,
    exchange,
    routing_key: routingKey,
    message_count: left,
    properties: propertiesShape(properties),
    payload: text ?? shown.toString('base64'),
    payload_encoding: text === undefined ? 'base64' : 'string',
  }
}

function propertiesShape({ headers, ...properties }: MessageProperties): JsonObject {
  const shown: Record<string, unknown> = {}
  for (const [name, ours] of Object.entries(PROPERTIES)) {
    const value = properties[ours]
    if (value === undefined) continue
    shown[name] = value instanceof Date ? Math.floor(value.getTime() / 1000) : value
  }
  return headers === undefined ? shown : { ...shown, headers: jsonTable(headers) }
}

/** Undefined for what is no UTF-8. */
function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Leaves everything as it is, other than get. */
async function peek(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const queue = call.param('queue')
  const info = broker.queueInfo(queue)
  if (info === undefined) throw notFound()
  const count = Number(call.query.get('count') ?? '1')
  if (!Number.isInteger(count) || count < 1 || count > MESSAGES_MAX)
    throw badRequest(`count must be from 1 to ${MESSAGES_MAX}`)
  const messages = await broker.peek(queue, { count })
  return json(messages.map((message, at) => messageShape(message, info.messagesReady - at - 1, false, undefined)))
}

export const MESSAGE_ROUTES: readonly Route[] = [
  { path: '/exchanges/:vhost/:exchange/publish', methods: { POST: endpoint('vhost', publish) } },
  { path: '/queues/:vhost/:queue/get', methods: { POST: endpoint('vhost', get) } },
  { path: '/queues/:vhost/:queue/peek', methods: { GET: endpoint('vhost', peek) } },
]
