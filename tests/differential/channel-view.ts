// One channel as its client sees it: what it knows of it, and what came on it since it was last asked.
import type { Received } from '../support/received.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import type { Names } from './names.ts'
import { shownArguments, shownBody, shownProperties } from './shown.ts'

interface Delivered {
  readonly consumer: string
  readonly tag: number
  readonly text: string
  readonly isSettled: boolean
}

interface KnownConsumer {
  readonly noAck: boolean
  state: 'asked' | 'consuming' | 'cancelled'
}

export class ChannelView {
  state: 'none' | 'open' | 'closing' = 'none'
  /** Harmless questions whose answers only say that all before them was done. */
  fencesDue = 0
  /** Delivery tags that are not settled, in an order that is the same for every broker. */
  outstanding: number[] = []
  #lastSettled = 1
  /** Settled in a transaction that may be rolled back. */
  #settledInTransaction: number[] = []
  #isConfirming = false
  #isTransactional = false
  #published = 0
  readonly #unconfirmed = new Set<number>()
  readonly #sequenceOf = new Map<string, number>()
  readonly #consumers = new Map<string, KnownConsumer>()
  #consumesDue: { readonly noAck: boolean }[] = []
  #getsDue: { readonly noAck: boolean }[] = []
  readonly #names: Names
  events: string[] = []
  #cancelled: string[] = []
  #acked: number[] = []
  #nacked: number[] = []
  #deliveries: Delivered[] = []

  constructor(names: Names) {
    this.#names = names
  }

  get hasConsumers(): boolean {
    return this.#consumers.size > 0
  }

  get isConfirmed(): boolean {
    return this.#unconfirmed.size === 0
  }

  /** The tag that a step means. */
  tagFor(wanted: unknown): number {
    if (wanted === '@again') return this.#lastSettled
    if (typeof wanted !== 'string') return Number(wanted ?? 0)
    return this.outstanding[Math.floor(Number(wanted.slice(1)) * this.outstanding.length)] ?? 1
  }

  /** The client is about to send this; `body` names the message of a publish. */
  sending(method: MethodName, args: MethodArguments, body: string): void {
    const noAck = args.noAck === true
    if (method === 'confirm.select') this.#isConfirming = true
    else if (method === 'tx.select') this.#isTransactional = true
    else if (method === 'tx.commit') this.#settledInTransaction = []
    else if (method === 'tx.rollback') this.#rollBack()
    else if (method === 'basic.get') this.#getsDue.push({ noAck })
    else if (method === 'basic.recover' || method === 'basic.recover-async') this.#recover(args.requeue === true)
    else if (method === 'basic.consume') this.#consuming(String(args.consumerTag ?? ''), noAck, args.nowait === true)
    else if (method === 'basic.ack' || method === 'basic.nack' || method === 'basic.reject') this.#settle(args)
    else if (method === 'basic.publish' && this.#isConfirming && this.state === 'open') {
      this.#unconfirmed.add(++this.#published)
      this.#sequenceOf.set(body, this.#published)
    }
  }

  #consuming(tag: string, noAck: boolean, nowait: boolean): void {
    if (tag !== '' && !this.#consumers.has(tag)) {
      this.#consumers.set(tag, { noAck, state: nowait ? 'consuming' : 'asked' })
    }
    if (!nowait) this.#consumesDue.push({ noAck })
  }

  #recover(requeue: boolean): void {
    if (requeue) this.outstanding = []
  }

  #rollBack(): void {
    this.outstanding = [...this.#settledInTransaction, ...this.outstanding].sort((a, b) => a - b)
    this.#settledInTransaction = []
  }

  #settle(args: MethodArguments): void {
    const tag = Number(args.deliveryTag)
    const isMeant = (one: number): boolean => (args.multiple === true ? tag === 0 || one <= tag : one === tag)
    if (this.#isTransactional) this.#settledInTransaction.push(...this.outstanding.filter(isMeant))
    this.outstanding = this.outstanding.filter((one) => !isMeant(one))
    this.#lastSettled = tag
  }

  accept(received: Received): void {
    const { name, args } = received
    if (name === 'basic.ack' || name === 'basic.nack') this.#confirmed(name, args)
    else if (name === 'basic.cancel') this.#cancel(args)
    else if (name === 'basic.deliver') this.#delivered(received)
    else if (name === 'basic.return') this.#returned(received)
    else if (name === 'basic.get-ok') this.#got(received)
    else if (name === 'exchange.declare-ok' && this.fencesDue > 0) this.fencesDue--
    else {
      this.#answered(name, args)
      this.event(`${name}${shownArguments(args)}`)
    }
  }

  event(text: string): void {
    this.events.push(this.#names.clean(text))
  }

  #answered(name: MethodName, args: MethodArguments): void {
    const tag = String(args.consumerTag ?? '')
    const consumer = this.#consumers.get(tag)
    if (name === 'channel.open-ok') this.#opened()
    else if (name === 'basic.get-empty') this.#getsDue.shift()
    else if (name === 'basic.cancel-ok' && consumer !== undefined) consumer.state = 'cancelled'
    else if (name === 'basic.consume-ok') {
      this.#consumers.set(tag, { noAck: this.#consumesDue.shift()?.noAck === true, state: 'consuming' })
    }
  }

  #opened(): void {
    this.state = 'open'
    this.fencesDue = this.#published = 0
    this.outstanding = []
    this.#settledInTransaction = []
    this.#lastSettled = 1
    this.#isConfirming = this.#isTransactional = false
    this.#unconfirmed.clear()
    this.#sequenceOf.clear()
    this.#consumers.clear()
    this.#consumesDue = []
    this.#getsDue = []
  }

  #confirmed(name: MethodName, { deliveryTag, multiple }: MethodArguments): void {
    const tag = Number(deliveryTag)
    for (const sequence of this.#unconfirmed) {
      if (multiple === true ? tag !== 0 && sequence > tag : sequence !== tag) continue
      this.#unconfirmed.delete(sequence)
      ;(name === 'basic.ack' ? this.#acked : this.#nacked).push(sequence)
    }
  }

  #cancel({ consumerTag }: MethodArguments): void {
    this.#consumers.delete(String(consumerTag))
    this.#cancelled.push(this.#names.clean(String(consumerTag)))
  }

  #returned(received: Received): void {
    this.event(message(received))
    const sequence = this.#sequenceOf.get(/^m[\d.]+/.exec(String(received.content?.body.subarray(0, 16)))?.[0] ?? '')
    if (sequence !== undefined && !this.#unconfirmed.has(sequence)) this.event('RETURNED AFTER ITS CONFIRM')
  }

  #got(received: Received): void {
    const { deliveryTag } = received.args
    this.event(`${message(received)} tag=${deliveryTag}`)
    if (this.#getsDue.shift()?.noAck !== true) this.outstanding.push(Number(deliveryTag))
  }

  #delivered(received: Received): void {
    const tag = String(received.args.consumerTag)
    const consumer = this.#consumers.get(tag)
    const shownTag = this.#names.clean(tag)
    if (consumer === undefined || consumer.state === 'asked') this.event(`DELIVERED BEFORE consume-ok: ${shownTag}`)
    if (consumer?.state === 'cancelled') this.event(`DELIVERED AFTER cancel-ok: ${shownTag}`)
    this.#deliveries.push({
      consumer: shownTag,
      tag: Number(received.args.deliveryTag),
      text: this.#names.clean(message(received)),
      isSettled: consumer?.noAck === true,
    })
  }

  /** What came since the last time. Deliveries count for each consumer alone: how those of two meet is left to the broker. */
  take(isConnectionOver: boolean): string[] {
    const { events } = this
    // A confirm that is on its way when the channel ends may be lost.
    const isOver = isConnectionOver || events.some((event) => event.startsWith('channel.close'))
    const lines = [...events, ...this.#cancelled.sort().map((tag) => `cancelled ${tag}`)]
    if (!isOver && this.#acked.length > 0) lines.push(`acked ${this.#acked.sort((a, b) => a - b).join(' ')}`)
    if (!isOver && this.#nacked.length > 0) lines.push(`nacked ${this.#nacked.sort((a, b) => a - b).join(' ')}`)
    lines.push(...this.#takeDeliveries())
    this.events = []
    this.#cancelled = []
    this.#acked = []
    this.#nacked = []
    return lines
  }

  #takeDeliveries(): string[] {
    const consumers = [...new Set(this.#deliveries.map(({ consumer }) => consumer))].sort()
    const sorted = consumers.flatMap((name) => this.#deliveries.filter(({ consumer }) => consumer === name))
    this.#deliveries = []
    for (const { tag, isSettled } of sorted) if (!isSettled) this.outstanding.push(tag)
    const isAlone = consumers.length === 1
    return sorted.map(({ consumer, text, tag }) => `to ${consumer}: ${text}${isAlone ? ` tag=${tag}` : ''}`)
  }
}

function message({ name, args, content }: Received): string {
  const { deliveryTag: _, consumerTag: __, ...rest } = args
  if (content === undefined) throw new Error(`${name} came without content`)
  return `${name}${shownArguments(rest)} [${shownProperties(content)}] ${shownBody(content.body)}`
}
