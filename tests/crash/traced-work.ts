// What a client does with a broker whose system calls are traced, step by step: a step begins when the one before it was
// answered. From what the broker had sent at some moment, a model of that moment is made.
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import type { MethodName } from '../support/wire-methods.ts'
import { declareQueue } from './actors.ts'
import { bodyOf, CrashModel, type QueueModel, TrackedMessage } from './model.ts'
import type { SentMethod } from './trace-replay.ts'
import { readQueue } from './verify.ts'

const CONFIRMING = 1
const WORKING = 2

interface Placed {
  readonly queue: string
  readonly id: number
  readonly bytes: number
}

type Step =
  /** Published on the channel with confirms, `tag` first. */
  | { readonly kind: 'publish'; readonly tag: number; readonly messages: readonly Placed[] }
  /** All of it happens, and this method is sent for the so-many-th time. */
  | {
      readonly kind: 'whole'
      readonly answer: MethodName
      readonly count: number
      readonly publishes: readonly Placed[]
      readonly settles: readonly Placed[]
      readonly deleted: string | undefined
    }
  | { readonly kind: 'declare'; readonly queue: string; readonly count: number }

/** What was sent until a moment. */
class Answers {
  readonly confirmed = new Set<number>()
  readonly #counts = new Map<string, number>()

  constructor(sent: readonly SentMethod[], until: number) {
    let next = 1
    for (const { channel, name, args, at } of sent) {
      if (at > until) break
      if (channel === CONFIRMING && name === 'basic.ack') {
        const last = Number(args.deliveryTag)
        if (args.multiple) for (; next <= last; next++) this.confirmed.add(next)
        this.confirmed.add(last)
      } else this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    }
  }

  has(name: MethodName, count: number): boolean {
    return (this.#counts.get(name) ?? 0) >= count
  }
}

export class TracedWork {
  readonly #steps: Step[] = []
  readonly #confirming: RawChannel
  readonly #working: RawChannel
  readonly #answers = new Map<MethodName, number>()
  readonly #queues = new Map<string, Placed[]>()
  #lastId = 0
  #tag = 0

  private constructor(confirming: RawChannel, working: RawChannel) {
    this.#confirming = confirming
    this.#working = working
  }

  /** The first connection to the broker. */
  static async start(address: { readonly host: string; readonly port: number }): Promise<TracedWork> {
    const client = await (await RawClient.connect(address)).handshake()
    const confirming = await client.channel(CONFIRMING)
    await confirming.call('confirm.select')
    return new TracedWork(confirming, await client.channel(WORKING))
  }

  async stop(): Promise<void> {
    await this.#working.client.close()
  }

  length(queue: string): number {
    return this.#placed(queue).length
  }

  async declare(queue: string): Promise<void> {
    this.#steps.push({ kind: 'declare', queue, count: this.#count('queue.declare-ok') })
    await declareQueue(this.#working, queue)
  }

  /** Publishes all of them before it waits for their confirms. */
  async publish(queue: string, sizes: readonly number[]): Promise<void> {
    const messages = sizes.map((bytes) => ({ queue, id: ++this.#lastId, bytes }))
    this.#steps.push({ kind: 'publish', tag: this.#tag + 1, messages })
    this.#placed(queue).push(...messages)
    const { socket } = this.#confirming.client
    socket.cork()
    for (const { id, bytes } of messages) {
      this.#confirming.publish({ routingKey: queue, body: bodyOf(id, bytes), properties: { deliveryMode: 2 } })
    }
    socket.uncork()
    this.#tag += messages.length
    for (const waiting = new Set(messages.map((_, at) => this.#tag - at)); waiting.size > 0; ) {
      const { args } = await this.#confirming.expect('basic.ack')
      const last = Number(args.deliveryTag)
      for (const tag of waiting) if (tag === last || (args.multiple && tag < last)) waiting.delete(tag)
    }
  }

  async empty(queue: string, method: 'queue.purge' | 'queue.delete'): Promise<void> {
    const settles = this.#placed(queue).splice(0)
    this.#whole(`${method}-ok` as const, { settles, deleted: method === 'queue.delete' ? queue : undefined })
    await this.#working.call(method, { queue })
  }

  /** Takes so many from the front of a queue, but for every `sparing`th, and puts others into another, in one transaction. */
  async move(from: string, count: number, sparing: number, to: string, sizes: readonly number[]): Promise<void> {
    const client = this.#working.client
    const taking = await client.channel(3)
    await taking.call('tx.select')
    const messages = await readQueue(taking, from, this.length(from))
    const ids = new Set<number>()
    for (const [at, { id }] of messages.slice(0, count).entries()) if (at % sparing !== sparing - 1) ids.add(id)
    if (ids.size === messages.length) taking.ack(0, true)
    else for (const [at, { id }] of messages.entries()) if (ids.has(id)) taking.ack(at + 1)
    const settles = this.#placed(from).filter(({ id }) => ids.has(id))
    this.#queues.set(
      from,
      this.#placed(from).filter(({ id }) => !ids.has(id)),
    )
    const publishes = sizes.map((bytes) => ({ queue: to, id: ++this.#lastId, bytes }))
    this.#placed(to).push(...publishes)
    for (const { id, bytes } of publishes) {
      taking.publish({ routingKey: to, body: bodyOf(id, bytes), properties: { deliveryMode: 2 } })
    }
    this.#whole('tx.commit-ok', { publishes, settles })
    await taking.call('tx.commit')
    await taking.close()
  }

  /** The model after event `now`, when everything counts as promised that was sent until event `promised`. */
  modelAt(sent: readonly SentMethod[], promised: number, now: number): CrashModel {
    const model = new CrashModel(Number.POSITIVE_INFINITY)
    const promises = new Answers(sent, promised)
    const answers = new Answers(sent, now)
    for (const step of this.#steps) {
      carryOut(step, model, promises)
      // The next one was not begun then.
      if (!isAnswered(step, answers)) break
    }
    return model
  }

  #whole(answer: MethodName, parts: { publishes?: Placed[]; settles: Placed[]; deleted?: string | undefined }): void {
    const { publishes = [], settles, deleted } = parts
    this.#steps.push({ kind: 'whole', answer, count: this.#count(answer), publishes, settles, deleted })
  }

  #placed(queue: string): Placed[] {
    const placed = this.#queues.get(queue) ?? []
    this.#queues.set(queue, placed)
    return placed
  }

  #count(answer: MethodName): number {
    const count = (this.#answers.get(answer) ?? 0) + 1
    this.#answers.set(answer, count)
    return count
  }
}

function isAnswered(step: Step, answers: Answers): boolean {
  switch (step.kind) {
    case 'declare':
      return answers.has('queue.declare-ok', step.count)
    case 'publish':
      return step.messages.every((_, at) => answers.confirmed.has(step.tag + at))
    case 'whole':
      return answers.has(step.answer, step.count)
  }
}

function carryOut(step: Step, model: CrashModel, promises: Answers): void {
  const isPromised = isAnswered(step, promises)
  switch (step.kind) {
    case 'declare':
      model.entities.set(`queue ${step.queue}`, isPromised ? 'certain' : 'maybe')
      break
    case 'publish':
      for (const [at, placed] of step.messages.entries()) {
        const [, message] = track(model, placed)
        if (promises.confirmed.has(step.tag + at)) message.kept = 'certain'
      }
      break
    case 'whole': {
      const settles = step.settles.map(({ queue, id }) => {
        const message = model.queue(queue).messages.get(id)
        if (message === undefined) throw new Error(`message ${id} was never published to ${queue}`)
        return [model.queue(queue), message] as const
      })
      const operation = { name: step.answer, publishes: step.publishes.map((placed) => track(model, placed)), settles }
      model.asked(operation)
      if (step.deleted !== undefined) model.entities.set(`queue ${step.deleted}`, isPromised ? 'no' : 'maybe')
      if (isPromised) model.answered(operation)
    }
  }
}

function track(model: CrashModel, { queue, id, bytes }: Placed): readonly [QueueModel, TrackedMessage] {
  const message = new TrackedMessage(id, 0, bytes, true)
  message.delivered = 'maybe'
  model.queue(queue).messages.set(id, message)
  return [model.queue(queue), message]
}
