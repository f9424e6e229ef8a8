// A client connection of a sequence. It sends what it is told and notes what comes back, channel by channel.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { ALL_CAPABILITIES, PROTOCOL_HEADER } from '../support/raw-client.ts'
import type { Received } from '../support/received.ts'
import {
  BODY,
  decodeContentHeader,
  type Frame,
  FrameReader,
  HEADER,
  METHOD,
  methodFrame,
  type ReceivedProperties,
} from '../support/wire-frames.ts'
import { decodeMethod, type MethodArguments, type MethodName } from '../support/wire-methods.ts'
import { tableBody } from '../support/wire-values.ts'
import { ChannelView } from './channel-view.ts'
import type { Names } from './names.ts'
import type { Waiting } from './waiting.ts'

/** How far a log-in goes. */
export type LoginStep = 'start' | 'tune' | 'tune-ok' | 'open'

export interface LoginOptions {
  readonly vhost: string
  readonly hasCapabilities?: boolean
  readonly upTo?: LoginStep
  readonly mechanism?: 'PLAIN' | 'AMQPLAIN'
  readonly user?: string
  readonly password?: string
  readonly tune?: MethodArguments
}

const FRAME_MAX = 131_072
const ANSWER_MS = 4000

interface Unfinished {
  readonly method: { readonly name: MethodName; readonly args: MethodArguments }
  properties: ReceivedProperties
  flags: number
  readonly body: Buffer[]
  missing: number
}

export class Client {
  readonly name: string
  isOver = false
  isHolding = false
  frameMax = FRAME_MAX
  readonly channels = new Map<number, ChannelView>()
  readonly #names: Names
  readonly #waiting: Waiting
  readonly #reader = new FrameReader()
  readonly #unfinished = new Map<number, Unfinished>()
  readonly #socket: Socket
  /** Channels whose channel.close was not answered. */
  #held: number[] = []

  private constructor(name: string, socket: Socket, names: Names, waiting: Waiting) {
    this.name = name
    this.#socket = socket
    this.#names = names
    this.#waiting = waiting
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', () => {})
    socket.on('close', () => this.#closed())
  }

  static async connect(name: string, port: number, names: Names, waiting: Waiting): Promise<Client> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Client(name, socket, names, waiting)
  }

  channel(number: number): ChannelView {
    const known = this.channels.get(number)
    if (known !== undefined) return known
    const made = new ChannelView(this.#names)
    this.channels.set(number, made)
    return made
  }

  /** Logs in as far as wanted. What the broker says to a whole log-in is not kept. */
  async login(options: LoginOptions): Promise<void> {
    const { upTo = 'open', tune = {}, vhost } = options
    this.send(PROTOCOL_HEADER)
    await this.#came('connection.start')
    if (upTo === 'start') return
    this.send(methodFrame(0, 'connection.start-ok', startOk(options)))
    await this.#came('connection.tune')
    if (upTo === 'tune') return
    const tuned = { channelMax: 2047, frameMax: FRAME_MAX, heartbeat: 0, ...tune }
    this.send(methodFrame(0, 'connection.tune-ok', tuned))
    this.frameMax = Number(tuned.frameMax) || FRAME_MAX
    if (upTo === 'tune-ok') return
    this.send(methodFrame(0, 'connection.open', { virtualHost: vhost }))
    await this.#came('connection.open-ok')
  }

  #came(name: string): Promise<boolean> {
    const { events } = this.channel(0)
    return this.#waiting.until(() => this.isOver || events.some((event) => event.startsWith(name)), ANSWER_MS)
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  drop(): void {
    this.isOver = true
    this.#socket.destroy()
  }

  /** Answers each channel.close that was held back. */
  release(): void {
    this.isHolding = false
    for (const number of this.#held.splice(0)) {
      this.send(methodFrame(number, 'channel.close-ok'))
      this.channel(number).state = 'none'
    }
  }

  #closed(): void {
    if (!this.isOver) this.channel(0).event('the broker closed the socket')
    this.isOver = true
    this.#waiting.changed()
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#accept(frame)
      this.#takeProtocolHeader()
    } catch (error) {
      this.channel(0).event(`UNREADABLE: ${error instanceof Error ? error.message : error}`)
      this.drop()
    }
    this.#waiting.changed()
  }

  #takeProtocolHeader(): void {
    const { pending } = this.#reader
    if (pending.length !== 8 || !pending.subarray(0, 4).equals(PROTOCOL_HEADER.subarray(0, 4))) return
    this.channel(0).event(`protocol header ${pending.subarray(4).join(' ')}`)
  }

  #accept({ type, channel, payload }: Frame): void {
    if (payload.length + 8 > this.frameMax) this.channel(channel).event(`A FRAME OF ${payload.length + 8} BYTES`)
    if (type === METHOD) this.#acceptMethod(channel, payload)
    else if (type === HEADER || type === BODY) this.#acceptContent(channel, type, payload)
  }

  #acceptMethod(channel: number, payload: Buffer): void {
    const method = decodeMethod(payload)
    if (['basic.deliver', 'basic.return', 'basic.get-ok'].includes(method.name)) {
      this.#unfinished.set(channel, { method, properties: {}, flags: 0, body: [], missing: -1 })
    } else this.#take({ channel, ...method })
  }

  #acceptContent(channel: number, type: number, payload: Buffer): void {
    const content = this.#unfinished.get(channel)
    if (content === undefined) throw new Error('content came without a method')
    if (type === HEADER) {
      const { bodySize, flags, properties } = decodeContentHeader(payload)
      content.properties = properties
      content.flags = flags
      content.missing = bodySize
    } else {
      content.body.push(Buffer.from(payload))
      content.missing -= payload.length
    }
    if (content.missing > 0) return
    this.#unfinished.delete(channel)
    const { method, properties, flags, body } = content
    this.#take({ channel, ...method, content: { properties, flags, body: Buffer.concat(body), frameSizes: [] } })
  }

  #take(received: Received): void {
    const { channel: number, name } = received
    const channel = this.channel(number)
    // It tells of the broker itself.
    if (name === 'connection.start') channel.event(name)
    else channel.accept(received)
    if (name === 'channel.close') this.#channelClosed(number, channel)
    else if (name === 'channel.close-ok') this.#channelEnded(number, channel)
    else if (name === 'connection.close') {
      this.send(methodFrame(0, 'connection.close-ok'))
      this.isOver = true
    } else if (name === 'connection.close-ok') this.isOver = true
  }

  #channelClosed(number: number, channel: ChannelView): void {
    channel.state = this.isHolding ? 'closing' : 'none'
    if (this.isHolding) this.#held.push(number)
    else this.send(methodFrame(number, 'channel.close-ok'))
  }

  #channelEnded(number: number, channel: ChannelView): void {
    channel.state = 'none'
    // Both sides had closed it.
    if (this.#held.includes(number)) this.send(methodFrame(number, 'channel.close-ok'))
    this.#held = this.#held.filter((held) => held !== number)
  }
}

function startOk({
  hasCapabilities = true,
  mechanism = 'PLAIN',
  user = 'guest',
  password = user,
}: LoginOptions): MethodArguments {
  return {
    clientProperties: hasCapabilities ? { capabilities: ALL_CAPABILITIES } : {},
    mechanism,
    response: mechanism === 'PLAIN' ? `\0${user}\0${password}` : tableBody({ LOGIN: user, PASSWORD: password }),
    locale: 'en_US',
  }
}
