// A small AMQP 0-9-1 client over a bare TCP socket. It sends what it is told, however wrong, and hands out what the broker
// answers in the order of arrival, per channel or over all of them. Waiting is bounded and fails with what was missing.

import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { expect } from 'vitest'
import { RawChannel } from './raw-channel.ts'
import { describeReceived, type Received } from './received.ts'
import { expectClose } from './replies.ts'
import type { ReceivedProperties } from './wire-frames.ts'
import { BODY, decodeContentHeader, type Frame, FrameReader, HEADER, HEARTBEAT, methodFrame } from './wire-frames.ts'
import { decodeMethod, type MethodArguments, type MethodName } from './wire-methods.ts'
import type { WireTable } from './wire-values.ts'

export const PROTOCOL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1])
/** A bound for what comes within milliseconds, on a machine that is busy with other tests. */
const WAIT_MS = 10_000

export interface OpenOptions {
  readonly vhost?: string
  readonly user?: string
  readonly pass?: string
  readonly mechanism?: string
  /** The whole SASL response; made of user and pass for PLAIN when missing. */
  readonly response?: string | Uint8Array
  readonly tune?: { readonly channelMax?: number; readonly frameMax?: number; readonly heartbeat?: number }
  readonly capabilities?: WireTable
  readonly clientProperties?: WireTable
}

export const ALL_CAPABILITIES = {
  publisher_confirms: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  authentication_failure_close: true,
}

interface PartialContent {
  readonly method: { readonly name: MethodName; readonly args: MethodArguments }
  header?: { readonly bodySize: number; readonly flags: number; readonly properties: ReceivedProperties }
  readonly parts: Buffer[]
  received: number
}

export class RawClient {
  readonly socket: Socket
  readonly #reader = new FrameReader()
  readonly #inbox: Received[] = []
  readonly #contents = new Map<number, PartialContent>()
  readonly #wakers = new Set<() => void>()
  #heartbeats = 0
  #isClosed = false
  #defect: Error | undefined
  frameMax = 131_072
  channelMax = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    // A reset is one of the ways a broker drops a connection; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
    socket.on('end', () => socket.end())
  }

  static async connect(address: { readonly host: string; readonly port: number }): Promise<RawClient> {
    const socket = connect({ host: address.host, port: address.port })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes received that do not form a whole frame (yet). */
  get pendingBytes(): Buffer {
    return this.#reader.pending
  }

  get heartbeats(): number {
    return this.#heartbeats
  }

  /** The whole handshake up to connection.open-ok. */
  async handshake(options: OpenOptions = {}): Promise<this> {
    await this.login(options)
    await this.openVhost(options)
    return this
  }

  /** Protocol header and start-ok; returns connection.start. The next thing to come is tune or a refusal. */
  async startLogin(options: OpenOptions = {}): Promise<Received> {
    this.write(PROTOCOL_HEADER)
    const start = await this.expect(0, 'connection.start')
    const { user = 'guest', pass = 'guest', mechanism = 'PLAIN' } = options
    this.send(0, 'connection.start-ok', {
      clientProperties: { capabilities: options.capabilities ?? ALL_CAPABILITIES, ...options.clientProperties },
      mechanism,
      response: options.response ?? `\0${user}\0${pass}`,
      locale: 'en_US',
    })
    return start
  }

  /** Up to and with tune-ok; returns the server's connection.tune. */
  async login(options: OpenOptions = {}): Promise<Received> {
    await this.startLogin(options)
    const tune = await this.expect(0, 'connection.tune')
    const { channelMax = Number(tune.args.channelMax), frameMax = Number(tune.args.frameMax) } = options.tune ?? {}
    this.channelMax = channelMax
    this.frameMax = frameMax
    this.send(0, 'connection.tune-ok', { channelMax, frameMax, heartbeat: options.tune?.heartbeat ?? 0 })
    return tune
  }

  async openVhost(options: OpenOptions = {}): Promise<Received> {
    this.send(0, 'connection.open', { virtualHost: options.vhost ?? '/' })
    return await this.expect(0, 'connection.open-ok')
  }

  async channel(id: number): Promise<RawChannel> {
    this.send(id, 'channel.open')
    await this.expect(id, 'channel.open-ok')
    return new RawChannel(this, id)
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  send(channel: number, name: MethodName, args: MethodArguments = {}): void {
    this.write(methodFrame(channel, name, args))
  }

  /** The next method on the channel; on any channel when none is given. */
  async next(channel?: number, waitMs = WAIT_MS): Promise<Received> {
    const expiresAt = performance.now() + waitMs
    for (;;) {
      const found = this.#take(channel)
      if (found) return found
      this.#failIfNothingCanCome(channel)
      await this.#change(
        expiresAt,
        `nothing arrived on ${channel === undefined ? 'any channel' : `channel ${channel}`}`,
      )
    }
  }

  /** Takes the next method of the channel, which must be this one and contain these arguments. */
  async expect(channel: number, name: MethodName, args: MethodArguments = {}): Promise<Received> {
    const received = await this.next(channel)
    // Where tests take answers by the thousand, vitest's matchers would take most of the time.
    if (received.name !== name) expect.fail(`${name} should have come, not ${describeReceived(received)}`)
    for (const name in args) {
      if (received.args[name] === args[name]) continue
      expect(received.args).toMatchObject(args)
      break
    }
    return received
  }

  /** The broker closes the connection for this reason; answers close-ok. */
  async expectConnectionClose(code: number, text: string | RegExp, method?: MethodName): Promise<void> {
    const received = await this.next(0)
    expect(received.name, describeReceived(received)).toBe('connection.close')
    expectClose(received.args, code, text, method)
    this.send(0, 'connection.close-ok')
  }

  /** The broker ends the connection: with a close method that has one of these codes, or by closing the socket at once. */
  async expectSomeEnd(...codes: number[]): Promise<void> {
    const answer = await this.next(0, 6000).catch((error: Error) => error)
    if (!(answer instanceof Error)) {
      expect(answer.name, describeReceived(answer)).toBe('connection.close')
      expect(codes).toContain(answer.args.replyCode)
      this.send(0, 'connection.close-ok')
    }
    await this.expectSocketClosed(8000)
  }

  async expectSocketClosed(waitMs = WAIT_MS): Promise<void> {
    const expiresAt = performance.now() + waitMs
    while (!this.#isClosed) await this.#change(expiresAt, 'the broker did not close the socket')
  }

  async waitForHeartbeats(count: number): Promise<void> {
    const expiresAt = performance.now() + WAIT_MS
    while (this.#heartbeats < count) await this.#change(expiresAt, `only ${this.#heartbeats} heartbeats came`)
  }

  /** Waits for bytes that are no frame, such as the answer to a wrong protocol header. */
  async bytes(count: number): Promise<Buffer> {
    const expiresAt = performance.now() + WAIT_MS
    while (this.#reader.pending.length < count) await this.#change(expiresAt, `${count} bytes did not arrive`)
    return this.#reader.pending
  }

  /** A round trip on channel 0's connection in a fresh channel, which proves that the connection still works. */
  async expectUsable(channelId = 60): Promise<void> {
    const channel = await this.channel(channelId)
    await channel.call('channel.close', { replyCode: 200 })
  }

  async close(): Promise<void> {
    this.send(0, 'connection.close', { replyCode: 200, replyText: 'bye' })
    await this.expect(0, 'connection.close-ok')
    this.socket.end()
    await this.expectSocketClosed()
  }

  destroy(): void {
    this.socket.destroy()
  }

  #take(channel: number | undefined): Received | undefined {
    const isWanted = (received: Received): boolean => channel === undefined || received.channel === channel
    const [first] = this.#inbox
    if (first === undefined || isWanted(first)) return this.#inbox.shift()
    const index = this.#inbox.findIndex(isWanted)
    return index < 0 ? undefined : this.#inbox.splice(index, 1)[0]
  }

  #failIfNothingCanCome(channel: number | undefined): void {
    if (this.#defect) throw this.#defect
    const close = this.#inbox.find((received) => received.name === 'connection.close')
    if (close && channel !== 0) throw new Error(`waited on channel ${channel} but got ${describeReceived(close)}`)
    if (this.#isClosed) throw new Error(`waited on channel ${channel} but the broker closed the socket`)
  }

  async #change(expiresAt: number, complaint: string): Promise<void> {
    const waitMs = expiresAt - performance.now()
    if (waitMs <= 0) throw new Error(complaint)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      const waker = () => {
        clearTimeout(timer)
        this.#wakers.delete(waker)
        resolve()
      }
      this.#wakers.add(waker)
    })
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker()
  }

  #receive(chunk: Buffer): void {
    try {
      for (const received of this.#reader.push(chunk)) this.#accept(received)
    } catch (error) {
      this.#defect ??= error instanceof Error ? error : new Error(String(error))
    }
    this.#wake()
  }

  #accept({ type, channel, payload }: Frame): void {
    const content = this.#contents.get(channel)
    if (payload.length > this.frameMax - 8 && this.frameMax > 0) throw new Error('the broker sent too large a frame')
    if (type === HEARTBEAT) {
      if (channel !== 0 || payload.length > 0) throw new Error('the broker sent a malformed heartbeat')
      this.#heartbeats++
    } else if (content) {
      this.#acceptContent(channel, content, type, payload)
    } else {
      if (type === HEADER || type === BODY) throw new Error('the broker sent content without a method')
      const method = decodeMethod(payload)
      if (!['basic.deliver', 'basic.return', 'basic.get-ok'].includes(method.name)) {
        this.#inbox.push({ channel, ...method })
      } else {
        this.#contents.set(channel, { method, parts: [], received: 0 })
      }
    }
  }

  #acceptContent(channel: number, content: PartialContent, type: number, payload: Buffer): void {
    if (type !== (content.header ? BODY : HEADER)) throw new Error(`the broker sent frame type ${type} within content`)
    if (content.header) {
      content.parts.push(payload)
      content.received += payload.length
    } else {
      content.header = decodeContentHeader(payload)
    }
    const { bodySize, flags, properties } = content.header
    if (content.received > bodySize) throw new Error('the broker sent more body than announced')
    if (content.received < bodySize) return
    this.#contents.delete(channel)
    const frameSizes = content.parts.map((part) => part.length)
    this.#inbox.push({
      channel,
      ...content.method,
      content: { properties, flags, body: Buffer.concat(content.parts), frameSizes },
    })
  }
}
