/**
 * A client for thousands of connections in one process: it logs in with one write, over TCP or TLS, and looks at no more of what comes
 * than the ids of methods.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  FRAME_BODY,
  FRAME_HEADER_BYTES,
  FRAME_METHOD,
  FRAME_OVERHEAD_BYTES,
  PROTOCOL_HEADER,
} from '../../protocol/constants.ts'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'

const CHANNEL_OPEN_OK = (20 << 16) | 11
const CHANNEL_CLOSE = (20 << 16) | 40
const CONNECTION_CLOSE = (10 << 16) | 50
const CONNECTION_CLOSE_OK = (10 << 16) | 51
export const CONNECTION_BLOCKED = (10 << 16) | 60
const READ_BYTES = 4096

/** Where the broker is, and how to log in. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly vhost: string
  readonly isTls: boolean
}

export function targetOf(url: string): Target {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  const isTls = protocol === 'amqps:'
  return {
    host: hostname,
    port: Number(port || (isTls ? 5671 : 5672)),
    user: decodeURIComponent(username) || 'guest',
    password: decodeURIComponent(password) || 'guest',
    vhost: decodeURIComponent(pathname.slice(1)) || '/',
    isTls,
  }
}

export class LoadClient {
  /** Called with the id of each method (class << 16 | method), or with the body of a message. */
  onMethod: (id: number) => void = () => {}
  onBody: (body: Buffer) => void = () => {}
  /** Why the broker has closed the connection or a channel, or that it did so without a word. */
  failure: string | undefined
  readonly socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #opened: (() => void) | undefined

  private constructor(target: Target, readBytes: number) {
    const place = { host: target.host, port: target.port }
    if (target.isTls) this.socket = connectTls({ ...place, rejectUnauthorized: false })
    else {
      const buffer = Buffer.allocUnsafeSlow(readBytes)
      const callback = (length: number): boolean => this.#received(Buffer.from(buffer.subarray(0, length)))
      this.socket = connectTcp({ ...place, noDelay: true, onread: { buffer, callback } })
    }
    if (target.isTls) this.socket.on('data', (bytes: Buffer) => void this.#received(bytes))
    this.socket.on('error', (error) => {
      this.failure ??= error.message
    })
    this.socket.on('close', () => {
      this.failure ??= 'closed without a word'
      this.#opened?.()
    })
  }

  /** A connection with nothing sent. */
  static async connect(target: Target, readBytes = READ_BYTES): Promise<LoadClient> {
    const client = new LoadClient(target, readBytes)
    await new Promise<void>((resolve) => {
      client.socket.once(target.isTls ? 'secureConnect' : 'connect', resolve)
      client.socket.once('close', () => resolve())
    })
    return client
  }

  /** One with an open channel. Rejects with what the broker said. */
  static async open(target: Target, channelMax = 2047, readBytes = READ_BYTES): Promise<LoadClient> {
    const client = await LoadClient.connect(target, readBytes)
    client.write(loginBytes(target, channelMax))
    await new Promise<void>((resolve) => {
      client.#opened = resolve
      if (client.failure !== undefined) resolve()
    })
    client.#opened = undefined
    if (client.failure !== undefined) {
      client.destroy()
      throw new Error(client.failure)
    }
    return client
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes)
  }

  /** Resolves once the system has taken what was written, the connection is gone, or the time has come. */
  async drained(endsAtMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.socket.writableNeedDrain) return
    await new Promise<void>((resolve) => {
      const leftMs = endsAtMs - performance.now()
      const timer = Number.isFinite(leftMs) ? setTimeout(() => done(), Math.max(0, leftMs)) : undefined
      const done = (): void => {
        clearTimeout(timer)
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
  }

  /** Resolves once so many of these answers have come. */
  async call(bytes: Uint8Array, answer: number, answers = 1): Promise<void> {
    let left = answers
    await new Promise<void>((resolve) => {
      const { onMethod } = this
      this.onMethod = (id) => {
        onMethod(id)
        if (id !== answer || --left > 0) return
        this.onMethod = onMethod
        resolve()
      }
      this.socket.once('close', () => resolve())
      this.write(bytes)
    })
  }

  close(): void {
    this.failure ??= 'closed by itself'
    this.write(encodeMethodFrame(0, 'connection.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 }))
    this.socket.end()
  }

  destroy(): void {
    this.failure ??= 'closed by itself'
    this.socket.destroy()
  }

  #received(bytes: Buffer): boolean {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    while (all.length - at >= FRAME_OVERHEAD_BYTES) {
      const end = at + all.readUInt32BE(at + 3) + FRAME_OVERHEAD_BYTES
      if (end > all.length) break
      const type = all.readUInt8(at)
      if (type === FRAME_METHOD) this.#method(all, at + FRAME_HEADER_BYTES, end)
      else if (type === FRAME_BODY) this.onBody(all.subarray(at + FRAME_HEADER_BYTES, end - 1))
      at = end
    }
    this.#rest = all.subarray(at)
    return true
  }

  #method(bytes: Buffer, at: number, end: number): void {
    const id = bytes.readUInt32BE(at)
    if (id === CHANNEL_OPEN_OK) this.#opened?.()
    if (id === CHANNEL_CLOSE || id === CONNECTION_CLOSE) {
      this.failure ??= bytes.toString('utf8', at + 7, Math.min(end, at + 7 + bytes.readUInt8(at + 6)))
      this.#opened?.()
    }
    if (id === CONNECTION_CLOSE_OK) this.socket.destroy()
    this.onMethod(id)
  }
}

/** The whole log-in up to channel.open, without waiting for an answer. */
export function loginBytes({ user, password, vhost }: Target, channelMax = 2047): Buffer {
  const clientProperties = fieldTable({
    capabilities: { 'connection.blocked': true, authentication_failure_close: true },
  })
  return Buffer.concat([
    PROTOCOL_HEADER,
    encodeMethodFrame(0, 'connection.start-ok', {
      clientProperties,
      mechanism: 'PLAIN',
      response: `\0${user}\0${password}`,
      locale: 'en_US',
    }),
    encodeMethodFrame(0, 'connection.tune-ok', { channelMax, frameMax: 131_072, heartbeat: 0 }),
    encodeMethodFrame(0, 'connection.open', { virtualHost: vhost }),
    encodeMethodFrame(1, 'channel.open', {}),
  ])
}
