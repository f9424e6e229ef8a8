// One sequence against one broker. After each step the session waits until the broker has done all that the step led to, so
// that what came can be compared step by step.
import { bodyFrames, headerFrame, methodFrame } from '../support/wire-frames.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import { Audit } from './audit.ts'
import { LIMITED_USER } from './brokers.ts'
import { Client } from './client.ts'
import { type HandshakeName, handshake } from './handshakes.ts'
import { malformedBytes } from './malformed.ts'
import { Names } from './names.ts'
import type { Call, Place, Step } from './step.ts'
import { Waiting } from './waiting.ts'

/** What came in one step, by connection and channel. */
export type Entry = Readonly<Record<string, readonly string[]>>

export interface SessionOptions {
  readonly port: number
  readonly vhost: string
  /** Of all names of this run. */
  readonly prefix: string
  /** A step is over when nothing came for so long. */
  readonly quietMs: number
}

const ANSWER_MS = 2500
const CONFIRM_MS = 800
/** A dead letter goes on by one queue with each round of questions. */
const DEAD_LETTER_ROUNDS = 6
/** What such a method is answered with, where that is not its own name with -ok. */
const ANSWERS: Partial<Record<MethodName, readonly string[]>> = { 'basic.get': ['basic.get-ok', 'basic.get-empty'] }
const UNANSWERED: ReadonlySet<MethodName> = new Set([
  'basic.publish',
  'basic.ack',
  'basic.nack',
  'basic.reject',
  'basic.recover-async',
])
/** The channel on which queues are asked how they are. */
const PROBE = 99
/** Each connection of a sequence is a little different. */
const CONNECTIONS = [{}, { tune: { frameMax: 4096 } }, { hasCapabilities: false, user: LIMITED_USER }] as const

export class Session {
  readonly names: Names
  readonly waiting = new Waiting()
  readonly #options: SessionOptions
  readonly #clients = new Map<number, Client>()
  /** Connections that are over, and may still have said something. */
  #past: Client[] = []
  /** Queues, and the connection that has declared each. */
  readonly #declared = new Map<string, Client>()
  readonly #entries: Entry[] = []
  /** What dies in one queue goes to others, and may die there. */
  #hasDeadLetters = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.names = new Names(options.prefix)
  }

  /** What came in each step, then what was left behind. */
  async run(steps: readonly Step[]): Promise<readonly Entry[]> {
    this.#hasDeadLetters = JSON.stringify(steps).includes('x-dead-letter-exchange')
    try {
      for (const [index, step] of steps.entries()) await this.#do(step, `m${index}`)
      const audit = new Audit(this)
      this.#entries.push({ left: await audit.look() })
      await this.#closeAll()
      this.#entries.push({ kept: await audit.drain() })
      audit.end()
    } finally {
      for (const client of this.#clients.values()) client.drop()
    }
    return this.#entries
  }

  async newClient(name: string): Promise<Client> {
    return await Client.connect(name, this.#options.port, this.names, this.waiting)
  }

  get vhost(): string {
    return this.#options.vhost
  }

  async #do(step: Step, id: string): Promise<void> {
    if (step.kind === 'handshake') {
      await this.#shakeHands(step.name)
      return
    }
    const client = await this.#clientOf(step.at)
    const { quietMs } = this.#options
    let patienceMs = quietMs
    if (step.kind === 'drop') {
      client.drop()
      patienceMs = quietMs * 4 + 20
    } else if (step.kind === 'hold') client.isHolding = true
    else if (step.kind === 'release') client.release()
    else if (step.kind === 'malformed') {
      await this.#open(client, step.at.channel)
      client.send(malformedBytes(step.name, step.at.channel, this.names.real('~q3')))
      patienceMs = quietMs * 3 + 5
    } else {
      if (step.kind === 'calls') await this.#open(client, step.at.channel)
      // Where no channel is open, nothing says that the broker is done.
      else patienceMs = quietMs * 3 + 20
      await this.#call(client, step.at.channel, step.calls, id)
    }
    if (step.kind !== 'drop' && step.kind !== 'hold') await this.#settle(client, step.at.channel)
    await this.waiting.quiet(patienceMs)
    this.#note()
  }

  async #call(client: Client, number: number, calls: readonly Call[], id: string): Promise<void> {
    const channel = client.channel(number)
    const due = calls.filter(({ needsDelivery }) => needsDelivery !== true || channel.outstanding.length > 0)
    const last = due.at(-1)
    if (last === undefined) return
    client.send(
      Buffer.concat(due.map((call, i) => this.#bytes(client, number, call, due.length > 1 ? `${id}.${i}` : id))),
    )
    if (UNANSWERED.has(last.method) || last.args?.nowait === true || channel.state === 'closing') return
    const answers = [...(ANSWERS[last.method] ?? [`${last.method}-ok`]), 'channel.close ', 'connection.close ']
    const isAnswered = (): boolean =>
      client.isOver || channel.events.some((event) => answers.some((answer) => event.startsWith(answer)))
    await this.waiting.until(isAnswered, ANSWER_MS)
  }

  #bytes(client: Client, number: number, { method, args = {}, content = {} }: Call, id: string): Buffer {
    const channel = client.channel(number)
    const real: Record<string, MethodArguments[string]> = { ...this.names.real(args) }
    if ('deliveryTag' in args && method !== 'basic.deliver') real.deliveryTag = channel.tagFor(args.deliveryTag)
    channel.sending(method, real, id)
    if (method === 'queue.declare' && real.queue !== '') this.#declared.set(String(real.queue), client)
    const frame = methodFrame(number, method, real)
    if (method !== 'basic.publish') return frame
    const { bytes = id.length, frames = 1, properties = {} } = content
    const body = Buffer.from(bytes === 0 ? '' : id.padEnd(bytes, '.'))
    const piece = Math.min(client.frameMax - 8, Math.max(1, Math.ceil(body.length / frames)))
    const header = headerFrame(number, body.length, this.names.real(properties as MethodArguments))
    return Buffer.concat([frame, header, ...bodyFrames(number, body, piece)])
  }

  /** Waits until the broker has done what it was told, and has sent what follows from it. */
  async #settle(client: Client, number: number): Promise<void> {
    await this.#fence(client, number)
    // A delivery may be acknowledged by its channel, and make room for another: the queues are asked twice.
    const rounds = this.#hasDeadLetters ? DEAD_LETTER_ROUNDS : 2
    for (let round = 0; round < rounds; round++) await this.#settleQueues()
    const channel = client.channel(number)
    await this.waiting.until(() => client.isOver || channel.state !== 'open' || channel.isConfirmed, CONFIRM_MS)
  }

  /** Waits for the answer to a harmless question. */
  async #fence(client: Client, number: number): Promise<void> {
    const channel = client.channel(number)
    if (number === 0 || channel.state !== 'open' || client.isOver) return
    channel.fencesDue++
    client.send(methodFrame(number, 'exchange.declare', { exchange: 'amq.direct', passive: true }))
    await this.waiting.until(() => client.isOver || channel.state !== 'open' || channel.fencesDue === 0, ANSWER_MS)
  }

  async #settleQueues(): Promise<void> {
    const alive = [...this.#clients.values()].filter(({ isOver }) => !isOver)
    const consuming = alive.flatMap((client) =>
      [...client.channels]
        .filter(([, channel]) => channel.state === 'open' && channel.hasConsumers)
        .map(([number]) => ({ client, number })),
    )
    if (consuming.length === 0 && !this.#hasDeadLetters) return
    for (const [queue, owner] of [...this.#declared]) await this.#probe(queue, alive.includes(owner) ? owner : alive[0])
    for (const { client, number } of consuming) await this.#fence(client, number)
  }

  async #probe(queue: string, client: Client | undefined): Promise<void> {
    if (client === undefined || client.isOver) return
    const channel = client.channel(PROBE)
    if (channel.state !== 'open') {
      client.send(methodFrame(PROBE, 'channel.open'))
      await this.waiting.until(() => channel.state === 'open' || client.isOver, ANSWER_MS)
    }
    channel.take(false)
    client.send(methodFrame(PROBE, 'queue.declare', { queue, passive: true }))
    await this.waiting.until(() => client.isOver || channel.events.length > 0, ANSWER_MS)
    if (channel.events[0]?.startsWith('channel.close')) this.#declared.delete(queue)
    channel.take(false)
  }

  async #clientOf({ connection }: Place): Promise<Client> {
    const known = this.#clients.get(connection)
    if (known !== undefined && !known.isOver) return known
    if (known !== undefined) this.#past.push(known)
    const client = await this.newClient(`c${connection}`)
    this.#clients.set(connection, client)
    await client.login({ vhost: this.vhost, ...CONNECTIONS[connection] })
    if (!client.isOver) client.channel(0).take(false)
    return client
  }

  async #open(client: Client, number: number): Promise<void> {
    const channel = client.channel(number)
    if (number === 0 || channel.state !== 'none') return
    client.send(methodFrame(number, 'channel.open'))
    await this.waiting.until(() => channel.state === 'open' || client.isOver, ANSWER_MS)
    channel.events = channel.events.filter((event) => !event.startsWith('channel.open-ok'))
  }

  /** What came in this step is an entry. */
  #note(): void {
    const entry: Record<string, string[]> = {}
    for (const client of [...this.#past, ...this.#clients.values()]) {
      for (const [number, channel] of client.channels) {
        const lines = channel.take(client.isOver)
        if (number !== PROBE && lines.length > 0) entry[`${client.name}/${number}`] = lines
      }
    }
    this.#past = []
    this.#entries.push(entry)
  }

  async #shakeHands(name: HandshakeName): Promise<void> {
    const { login, says = [] } = handshake(name)
    const client = await this.newClient('handshake')
    await client.login({ vhost: this.vhost, ...login })
    if (says.length > 0) {
      await this.waiting.quiet(this.#options.quietMs)
      for (const [channel, method, args] of says) client.send(methodFrame(channel, method, args))
      await this.waiting.until(() => client.isOver, 60)
    }
    await this.waiting.quiet(this.#options.quietMs * 2)
    this.#past.push(client)
    this.#note()
    client.drop()
  }

  async #closeAll(): Promise<void> {
    for (const client of this.#clients.values()) {
      if (client.isOver) continue
      client.release()
      client.send(methodFrame(0, 'connection.close', { replyCode: 200, replyText: 'bye' }))
      await this.waiting.until(() => client.isOver, ANSWER_MS)
    }
    await this.waiting.quiet(this.#options.quietMs)
    this.#note()
  }
}
