import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectEncrypted } from 'node:tls'
import {
  FRAME_END,
  FRAME_HEADER_BYTES,
  FRAME_METHOD,
  FRAME_OVERHEAD_BYTES,
  PROTOCOL_HEADER,
  replyCodeName,
} from '../../protocol/constants.ts'
import { decodeMethod, encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { FromClient, Method, MethodInput, MethodName } from '../../protocol/methods.ts'
import type { BrokerUri } from './broker-uri.ts'
import { BrokerRefusal, PerfError } from './perf-error.ts'

// A client connection with one channel. It reads into one buffer that it keeps, and gives what has arrived to a receiver,
// which says how many bytes of it were whole frames. Publishers and consumers bring their own receiver for the frames that
// come by the million and hand all others to `handleFrame`. Methods with an answer go through `call`, one at a time.

const CHANNEL = 1
const CONNECT_TIMEOUT_MS = 10_000
const CALL_TIMEOUT_MS = 30_000
const READ_BYTES_MAX = 8 * 1024 * 1024
const BASIC_DELIVER = (60 << 16) | 60

/** Takes whole frames from the start of `view` up to `end` and returns how many bytes those were. */
export type FrameReceiver = (view: DataView, end: number) => number

interface PendingCall {
  readonly answers: readonly MethodName[]
  readonly resolve: (method: Method) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export class ClientConnection {
  /** What the broker sends unasked and does not end the channel: blocked, unblocked, flow. */
  onNotice: ((method: Method) => void) | undefined
  /** Called once, when the connection or its channel is lost while no answer is waited for. */
  onLost: ((error: PerfError) => void) | undefined
  /** Set by the handshake. */
  frameMaxBytes = 0

  readonly #socket: Socket
  #bytes: Buffer
  #view: DataView
  #filled = 0
  #receiver: FrameReceiver
  #call: PendingCall | undefined
  #lost: PerfError | undefined
  #isClosing = false

  constructor(uri: BrokerUri, readBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(readBytes)
    this.#view = viewOf(this.#bytes)
    this.#receiver = (view, end) => this.#receiveFrames(view, end)
    const onread = {
      buffer: () => this.#bytes.subarray(this.#filled),
      callback: (length: number) => this.#received(length),
    }
    this.#socket = openSocket(uri, onread)
    const timer = setTimeout(
      () => this.fail(new PerfError(`${uri.host}:${uri.port} does not answer`)),
      CONNECT_TIMEOUT_MS,
    )
    this.#socket.once(uri.isEncrypted ? 'secureConnect' : 'connect', () => clearTimeout(timer))
    this.#socket.once('close', () => {
      clearTimeout(timer)
      const when = this.frameMaxBytes === 0 ? 'before the login was done; is that an AMQP broker?' : 'without a reason'
      this.fail(new PerfError(`${uri.host}:${uri.port} closed the connection ${when}`))
    })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.fail(socketError(error, uri)))
  }

  get isOpen(): boolean {
    return this.#lost === undefined
  }

  /** Whether nothing waits in this process for the kernel to take it. */
  get isFlushed(): boolean {
    return this.#socket.writableLength === 0
  }

  write(bytes: Uint8Array, onWritten?: () => void): void {
    this.#socket.write(bytes, onWritten)
  }

  send<N extends FromClient>(name: N, args: MethodInput<N>, channel = CHANNEL): void {
    this.#socket.write(encodeMethodFrame(channel, name, args))
  }

  /** Says hello and waits for connection.start. */
  greet(): Promise<Method> {
    this.#socket.write(PROTOCOL_HEADER)
    return this.#answer(['connection.start'])
  }

  /** Sends a method and waits for its answer. Rejects with a `BrokerRefusal` when the broker closes the channel instead. */
  call<N extends FromClient>(
    name: N,
    args: MethodInput<N>,
    answers: readonly MethodName[] = [`${name}-ok` as MethodName], // AMQP's rule for all methods with one answer
    channel = CHANNEL,
  ): Promise<Method> {
    this.send(name, args, channel)
    return this.#answer(answers)
  }

  receiveWith(receiver: FrameReceiver): void {
    this.#receiver = receiver
  }

  /** Deals with the whole frame at `at`, as all do that are not part of a receiver's hot loop. */
  handleFrame(at: number, size: number): void {
    if (this.#view.getUint8(at) !== FRAME_METHOD) return
    const start = at + FRAME_HEADER_BYTES
    if (size >= 4 && this.#view.getUint32(start) === BASIC_DELIVER) return
    this.#handleMethod(decodeMethod(this.#bytes, start, start + size), this.#view.getUint16(at + 1))
  }

  /** Closes politely; never rejects. */
  async close(): Promise<void> {
    if (this.#lost !== undefined) return
    this.#isClosing = true
    this.#receiver = (view, end) => this.#receiveFrames(view, end)
    const args = { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 }
    await this.call('connection.close', args, ['connection.close-ok'], 0).catch(() => undefined)
    this.#socket.destroy()
  }

  destroy(): void {
    this.#isClosing = true
    this.#socket.destroy()
  }

  /** Ends the connection and tells all that wait for an answer. */
  fail(error: PerfError): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    this.#socket.destroy()
    const call = this.#takeCall()
    if (call !== undefined) call.reject(error)
    else if (!this.#isClosing) this.onLost?.(error)
  }

  #answer(answers: readonly MethodName[]): Promise<Method> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    if (this.#call !== undefined) return Promise.reject(new Error('one call at a time'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.fail(new PerfError(`the broker did not answer with ${answers.join(' or ')}`))
      }, CALL_TIMEOUT_MS)
      this.#call = { answers, resolve, reject, timer }
    })
  }

  #takeCall(): PendingCall | undefined {
    const call = this.#call
    this.#call = undefined
    if (call !== undefined) clearTimeout(call.timer)
    return call
  }

  #received(length: number): boolean {
    this.#filled += length
    try {
      const consumed = this.#receiver(this.#view, this.#filled)
      if (consumed > 0) {
        this.#bytes.copyWithin(0, consumed, this.#filled)
        this.#filled -= consumed
      }
      if (this.#filled === this.#bytes.length) this.#grow()
    } catch (error) {
      this.fail(error instanceof PerfError ? error : new PerfError(`the broker sent what cannot be read: ${error}`))
      return false
    }
    return true
  }

  #grow(): void {
    if (this.#bytes.length >= READ_BYTES_MAX) throw new PerfError('the broker sent a frame larger than agreed')
    const grown = Buffer.allocUnsafeSlow(this.#bytes.length * 2)
    this.#bytes.copy(grown, 0, 0, this.#filled)
    this.#bytes = grown
    this.#view = viewOf(grown)
  }

  #receiveFrames(view: DataView, end: number): number {
    if (this.frameMaxBytes === 0 && end > 0) requireAmqp(this.#bytes, end)
    let at = 0
    while (end - at >= FRAME_OVERHEAD_BYTES) {
      const size = view.getUint32(at + 3)
      const next = at + size + FRAME_OVERHEAD_BYTES
      if (next > end) break
      if (view.getUint8(next - 1) !== FRAME_END) throw new PerfError('the broker sent a frame without an end')
      this.handleFrame(at, size)
      at = next
    }
    return at
  }

  #handleMethod(method: Method, channel: number): void {
    if (this.#call?.answers.includes(method.name)) {
      this.#takeCall()?.resolve(method)
      return
    }
    switch (method.name) {
      case 'channel.close': {
        this.send('channel.close-ok', {}, channel)
        const refusal = new BrokerRefusal(
          method.args.replyCode,
          `the broker closed the channel: ${reason(method.args)}`,
        )
        const call = this.#takeCall()
        if (call !== undefined) call.reject(refusal)
        else if (!this.#isClosing) this.fail(refusal)
        return
      }
      case 'connection.close':
        this.send('connection.close-ok', {}, 0)
        this.fail(new BrokerRefusal(method.args.replyCode, `the broker closed the connection: ${reason(method.args)}`))
        return
      case 'basic.cancel':
        if (!this.#isClosing) this.fail(new PerfError('the broker cancelled a consumer; was its queue deleted?'))
        return
      default:
        this.onNotice?.(method)
    }
  }
}

function reason(args: { readonly replyCode: number; readonly replyText: string }): string {
  const name = replyCodeName(args.replyCode)
  const hasName = args.replyText.startsWith(name)
  return hasName ? `${args.replyCode} ${args.replyText}` : `${args.replyCode} ${name} - ${args.replyText}`
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Before the first frame: an AMQP broker of another version answers with its own protocol header. */
function requireAmqp(bytes: Buffer, end: number): void {
  if (bytes.readUInt8(0) === FRAME_METHOD) return
  if (bytes.toString('latin1', 0, Math.min(4, end)) === 'AMQP')
    throw new PerfError('the broker does not speak AMQP 0-9-1')
  throw new PerfError('what listens there does not speak AMQP')
}

/** The types of TLS sockets do not know `onread`, which they have like all others. */
function openSocket({ host, port, isEncrypted }: BrokerUri, onread: OnReadOpts): Socket {
  const options = { host, port, noDelay: true, onread }
  if (!isEncrypted) return connect(options)
  const encrypted = { ...options, ...(isIP(host) === 0 ? { servername: host } : {}) }
  return connectEncrypted(encrypted as ConnectionOptions)
}

function socketError(error: NodeJS.ErrnoException, uri: BrokerUri): PerfError {
  const place = `${uri.host}:${uri.port}`
  switch (error.code) {
    case 'ECONNREFUSED':
      return new PerfError(`no broker listens at ${place}`)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new PerfError(`the host '${uri.host}' is unknown`)
    case 'ECONNRESET':
    case 'EPIPE':
      return new PerfError(`the broker at ${place} dropped the connection (${error.code})`)
    default:
      return new PerfError(`connection to ${place}: ${error.message}`)
  }
}
