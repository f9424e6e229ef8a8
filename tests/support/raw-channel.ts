// One channel of the raw client: sends methods and content, takes what comes back on this channel in order.

import { expect } from 'vitest'
import { isExternal } from './external.ts'
import type { RawClient } from './raw-client.ts'
import { type Content, describeReceived, type Received } from './received.ts'
import { expectClose } from './replies.ts'
import { unique } from './unique.ts'
import { bodyFrames, headerFrame, methodFrame, type WireProperties } from './wire-frames.ts'
import type { MethodArguments, MethodName } from './wire-methods.ts'
import type { WireTable } from './wire-values.ts'

export interface Message {
  readonly exchange?: string
  readonly routingKey?: string
  readonly body?: string | Uint8Array
  readonly properties?: WireProperties
  readonly mandatory?: boolean
  readonly immediate?: boolean
}

export interface QueueOptions {
  readonly passive?: boolean
  readonly durable?: boolean
  readonly exclusive?: boolean
  readonly autoDelete?: boolean
  readonly arguments?: WireTable
}

/** A delivery, a get-ok or a return with its content. */
export interface Delivery extends Received {
  readonly content: Content
}

export class RawChannel {
  readonly client: RawClient
  readonly id: number

  constructor(client: RawClient, id: number) {
    this.client = client
    this.id = id
  }

  send(name: MethodName, args: MethodArguments = {}): void {
    this.client.send(this.id, name, args)
  }

  /** Sends a synchronous method; the very next thing on the channel must be its -ok. */
  async call(name: MethodName, args: MethodArguments = {}): Promise<Received> {
    this.send(name, args)
    return await this.expect(`${name}-ok` as MethodName)
  }

  async next(): Promise<Received> {
    return await this.client.next(this.id)
  }

  async expect(name: MethodName, args: MethodArguments = {}): Promise<Received> {
    return await this.client.expect(this.id, name, args)
  }

  /** The broker closes this channel for this reason; answers close-ok. */
  async expectClose(code: number, text: string | RegExp, method?: MethodName): Promise<void> {
    const received = await this.next()
    expect(received.name, describeReceived(received)).toBe('channel.close')
    expectClose(received.args, code, text, method)
    this.send('channel.close-ok')
  }

  /** Sends the method, which must close the channel; opens the channel again, so that the next case can follow. */
  async expectRefusal(name: MethodName, args: MethodArguments, code: number, text: string | RegExp): Promise<void> {
    this.send(name, args)
    await this.expectClose(code, text, name)
    await this.reopen()
  }

  async reopen(): Promise<void> {
    await this.call('channel.open')
  }

  async close(): Promise<void> {
    await this.call('channel.close', { replyCode: 200, replyText: 'done' })
  }

  /** Declares a queue with a unique name, exclusive unless told otherwise. */
  async queue(options: QueueOptions = {}, name = unique('q')): Promise<string> {
    await this.call('queue.declare', { queue: name, exclusive: true, ...options })
    return name
  }

  /** Declares an auto-delete exchange with a unique name. */
  async exchange(type: string, options: MethodArguments = {}, name = unique(type)): Promise<string> {
    await this.call('exchange.declare', { exchange: name, type, autoDelete: true, ...options })
    return name
  }

  async bind(queue: string, exchange: string, routingKey = '', args: WireTable = {}): Promise<void> {
    await this.call('queue.bind', { queue, exchange, routingKey, arguments: args })
  }

  publish(message: Message): void {
    this.client.write(this.publishBytes(message))
  }

  /** The frames of one publish. */
  publishBytes({ body = '', properties = {}, ...message }: Message): Buffer {
    const bytes = Buffer.from(body)
    return Buffer.concat([
      methodFrame(this.id, 'basic.publish', { ...message }),
      headerFrame(this.id, bytes.length, properties),
      ...bodyFrames(this.id, bytes, this.client.frameMax - 8),
    ])
  }

  /** Publishes to the default exchange, one message per body. */
  publishTo(queue: string, ...bodies: string[]): void {
    for (const body of bodies) this.publish({ routingKey: queue, body })
  }

  async consume(queue: string, args: MethodArguments = {}): Promise<string> {
    const reply = await this.call('basic.consume', { queue, ...args })
    return String(reply.args.consumerTag)
  }

  async delivery(args: MethodArguments = {}): Promise<Delivery> {
    return await this.#content('basic.deliver', args)
  }

  async returned(args: MethodArguments = {}): Promise<Delivery> {
    return await this.#content('basic.return', args)
  }

  /** Takes deliveries until the bodies are complete; they must be these, in this order. Returns the delivery tags. */
  async expectBodies(...bodies: string[]): Promise<number[]> {
    const tags: number[] = []
    const seen: string[] = []
    for (const _ of bodies) {
      const delivery = await this.delivery()
      seen.push(delivery.content.body.toString())
      tags.push(Number(delivery.args.deliveryTag))
    }
    expect(seen).toEqual(bodies)
    return tags
  }

  async get(queue: string, noAck = false): Promise<Delivery | undefined> {
    this.send('basic.get', { queue, noAck })
    const reply = await this.next()
    if (reply.name === 'basic.get-empty') return undefined
    if (reply.name !== 'basic.get-ok') expect.fail(`basic.get-ok should have come, not ${describeReceived(reply)}`)
    if (!reply.content) throw new Error('basic.get-ok came without content')
    return { ...reply, content: reply.content }
  }

  /** Takes everything that is ready without acknowledgement and returns the bodies. */
  async drain(queue: string): Promise<string[]> {
    const bodies: string[] = []
    for (let message = await this.get(queue, true); message; message = await this.get(queue, true)) {
      bodies.push(message.content.body.toString())
    }
    return bodies
  }

  /** What the publisher is told of each publish up to this number; an answer for many stands for those not told of yet. */
  async confirmsUpTo(last: number): Promise<string[]> {
    const told: string[] = []
    while (told.length < last || told.slice(0, last).includes('')) {
      const { name, args } = await this.next()
      const tag = Number(args.deliveryTag)
      while (told.length < tag) told.push('')
      for (let at = args.multiple ? 0 : tag - 1; at < tag; at++) told[at] ||= name.slice('basic.'.length)
    }
    return told
  }

  ack(deliveryTag: number | bigint, multiple = false): void {
    this.send('basic.ack', { deliveryTag, multiple })
  }

  nack(deliveryTag: number | bigint, { multiple = false, requeue = true } = {}): void {
    this.send('basic.nack', { deliveryTag, multiple, requeue })
  }

  /**
   * A passive declare must count these ready messages and consumers. RabbitMQ answers it ahead of messages that are still
   * on their way into the queue, so another broker is asked again a few times; a Leveret must be right at once.
   */
  async expectCounts(queue: string, messageCount: number, consumerCount: number): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const { args } = await this.call('queue.declare', { queue, passive: true })
      if (isExternal && attempt < 100 && args.messageCount !== messageCount) continue
      expect(args).toEqual({ queue, messageCount, consumerCount })
      return
    }
  }

  /**
   * Nothing is on its way on this channel: the replies to a round trip through the queue (when given) and one through the
   * channel are the next things to come.
   */
  async expectQuiet(queue?: string): Promise<void> {
    if (queue !== undefined) await this.call('queue.declare', { queue, passive: true })
    await this.call('exchange.declare', { exchange: 'amq.direct', passive: true })
  }

  async #content(name: MethodName, args: MethodArguments): Promise<Delivery> {
    const received = await this.expect(name, args)
    if (!received.content) throw new Error(`${name} came without content`)
    return { ...received, content: received.content }
  }
}
