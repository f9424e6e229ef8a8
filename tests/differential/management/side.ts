// One of the two brokers with its management API, and what is done to both before they are compared: the same objects, the same
// clients, the same traffic.
import { type ChannelModel, connect } from 'amqplib'

export const VHOST = 'shapes'
export const ADMINISTRATOR = 'guest'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Names of objects that the brokers give by themselves, by the parameter in the paths of the API. */
export type GivenNames = Readonly<Record<'node' | 'connection' | 'channel' | 'port', string>>

export class Side {
  readonly #api: string
  readonly #amqp: string
  readonly #clients: ChannelModel[] = []
  #given: GivenNames | undefined

  /** `amqpPort` and `managementPort` on this machine. */
  constructor(amqpPort: number, managementPort: number) {
    this.#api = `http://127.0.0.1:${managementPort}/api`
    this.#amqp = `amqp://guest:guest@127.0.0.1:${amqpPort}/${VHOST}`
  }

  get given(): GivenNames {
    if (this.#given === undefined) throw new Error('not set up')
    return this.#given
  }

  /** `user` has its name as its password. */
  async ask(method: string, path: string, body?: unknown, user = ADMINISTRATOR): Promise<Answer> {
    const authorization = `Basic ${Buffer.from(`${user}:${user}`).toString('base64')}`
    const headers = { authorization, 'content-type': 'application/json' }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${this.#api}${path}`, { method, headers, redirect: 'manual', ...content })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return { status: response.status, body: isJson && text !== '' ? JSON.parse(text) : text }
  }

  async setUp(): Promise<void> {
    for (const [method, path, body] of OBJECTS) {
      const { status, body: answer } = await this.ask(method, path, body)
      if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`)
    }
    const { port } = new URL(this.#amqp)
    await this.#startClients()
    const [{ name: node }] = (await this.ask('GET', '/nodes')).body as [{ name: string }]
    const connection = await this.#until(async () => {
      const { body } = await this.ask('GET', '/connections')
      const list = body as { name: string; channels?: number; client_properties?: { connection_name?: string } }[]
      return list.find((entry) => entry.client_properties?.connection_name === 'worker' && entry.channels === 1)?.name
    })
    this.#given = { node, connection, channel: `${connection} (1)`, port }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close()
  }

  /** What was done is counted, and there is a sample of everything. */
  async sampled(): Promise<void> {
    await this.#until(async () => {
      const { body } = await this.ask('GET', `/queues/${VHOST}/busy`)
      const stats = (body as { message_stats?: Record<string, number> }).message_stats
      return stats?.ack === 2 && stats.get_no_ack === 1 && (stats.redeliver ?? 0) > 0 ? true : undefined
    })
    await this.#until(async () => {
      const { body } = await this.ask('GET', `/channels/${encodeURIComponent(this.given.channel)}`)
      const { message_stats: stats, consumer_details: consumers } = body as {
        message_stats?: Record<string, number>
        consumer_details?: unknown[]
      }
      return stats?.return_unroutable === 1 && stats.confirm === 7 && consumers?.length === 2 ? true : undefined
    })
    await this.#until(async () => {
      const samples = 'lengths_age=10&lengths_incr=5&msg_rates_age=10&msg_rates_incr=5'
      const { body } = await this.ask('GET', `/queues/${VHOST}/busy?${samples}`)
      return (body as { messages_details?: { avg?: number } }).messages_details?.avg === undefined ? undefined : true
    })
    await this.#until(async () => {
      const { body } = await this.ask('GET', `/queues/${VHOST}/quorum`)
      return (body as { messages?: number }).messages === 0 ? true : undefined
    })
  }

  async #until<T>(look: () => Promise<T | undefined>): Promise<T> {
    const endMs = performance.now() + 30_000
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      if (performance.now() > endMs) throw new Error(`${this.#api} does not show what was done: ${look}`)
      await new Promise((resolve) => {
        setTimeout(resolve, 100)
      })
    }
  }

  async #connect(name: string): Promise<ChannelModel> {
    const client = await connect(this.#amqp, { clientProperties: { connection_name: name } })
    this.#clients.push(client)
    return client
  }

  /** Everything that is counted happens at least once. */
  async #startClients(): Promise<void> {
    const worker = await this.#connect('worker')
    const channel = await worker.createConfirmChannel()
    await channel.prefetch(2)
    for (let i = 0; i < 5; i++) channel.publish('topic', 'key', Buffer.from('body'), { persistent: true, timestamp: 7 })
    channel.publish('topic', 'nowhere', Buffer.from('returned'), { mandatory: true })
    channel.publish('topic', 'nowhere', Buffer.from('dropped'))
    await channel.waitForConfirms()
    const redelivered = await channel.get('busy')
    if (redelivered !== false) channel.nack(redelivered, false, true)
    await channel.get('busy', { noAck: true })
    await channel.get('idle', { noAck: true })
    const taken = await channel.get('busy')
    if (taken !== false) channel.ack(taken)
    await channel.consume('busy', (message) => {
      if (message !== null && message.fields.redelivered === false && message.fields.deliveryTag % 2 === 0)
        channel.ack(message)
    })
    await channel.consume('alone', () => {}, { noAck: true, exclusive: true, arguments: { 'x-priority': 3 } })
    const other = await (await this.#connect('other')).createChannel()
    await other.consume('active', () => {})
    await other.assertQueue('own', { exclusive: true, durable: false })
    await other.prefetch(5, true)
  }
}

const OBJECTS: readonly (readonly [method: string, path: string, body: unknown])[] = [
  ['PUT', `/vhosts/${VHOST}`, { description: 'what is compared', tags: 'a,b' }],
  ['PUT', `/permissions/${VHOST}/guest`, { configure: '.*', write: '.*', read: '.*' }],
  ['PUT', '/users/shaper', { password: 'shaper', tags: 'management' }],
  ['PUT', `/permissions/${VHOST}/shaper`, { configure: '', write: '', read: '.*' }],
  ['PUT', `/topic-permissions/${VHOST}/shaper`, { exchange: 'amq.topic', write: '.*', read: '.*' }],
  ...['management', 'policymaker', 'monitoring', 'administrator'].map(
    (tag) => ['PUT', `/users/${tag}`, { password: tag, tags: tag }] as const,
  ),
  ['PUT', '/users/untagged', { password: 'untagged', tags: '' }],
  ['PUT', '/user-limits/shaper/max-channels', { value: 9 }],
  ['PUT', `/vhost-limits/${VHOST}/max-queues`, { value: 100 }],
  ['PUT', `/queues/${VHOST}/busy`, { durable: true, arguments: { 'x-max-length': 10 } }],
  ['PUT', `/queues/${VHOST}/idle`, { durable: true, arguments: { 'x-max-priority': 5 } }],
  ['PUT', `/queues/${VHOST}/alone`, { durable: false, auto_delete: true }],
  ['PUT', `/queues/${VHOST}/active`, { durable: true, arguments: { 'x-single-active-consumer': true } }],
  ['PUT', `/queues/${VHOST}/quorum`, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 } }],
  ['PUT', `/exchanges/${VHOST}/topic`, { type: 'topic', arguments: { 'alternate-exchange': 'unrouted' } }],
  ['PUT', `/exchanges/${VHOST}/headers`, { type: 'headers', durable: false, internal: true }],
  ['POST', `/bindings/${VHOST}/e/topic/q/busy`, { routing_key: 'key', arguments: { x: 1 } }],
  ['POST', `/bindings/${VHOST}/e/topic/q/busy`, { routing_key: 'key' }],
  ['POST', `/bindings/${VHOST}/e/topic/e/headers`, {}],
  ['PUT', `/policies/${VHOST}/limit`, { pattern: '^busy', definition: { 'max-length': 5 } }],
  ['PUT', `/operator-policies/${VHOST}/limit`, { pattern: '^busy', definition: { 'max-length': 5 } }],
  ['PUT', '/global-parameters/site', { value: { a: 1 } }],
  [
    'POST',
    `/exchanges/${VHOST}/amq.default/publish`,
    { properties: { timestamp: 7 }, routing_key: 'idle', payload: 'x', payload_encoding: 'string' },
  ],
]
