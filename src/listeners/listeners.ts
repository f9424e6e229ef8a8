/** All addresses that a server listens on: who is let in there, and what they get to speak to. */
import type { Socket } from 'node:net'
import type { Logger } from '../lib/logger.ts'
import { type Peer, plainAddress } from '../lib/peer.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { Arrival } from './arrival.ts'
import type { ListenAddress, ListenOptions } from './listen-options.ts'
import { Listener, type ListenerEvents } from './listener.ts'
import { OpenSockets } from './open-sockets.ts'
import { WaitingSockets, type WaitingSocketsMax } from './waiting-sockets.ts'

export interface ListenersContext {
  readonly logger: Logger
  /** For what clients can cause at any rate. */
  readonly rareLines: RareLines
  /** The monotonic clock. */
  readonly now: () => number
  /** From connecting to having logged in. */
  readonly handshakeTimeoutMs: number
  /** Clients that have not logged in. */
  readonly waitingMax: WaitingSocketsMax
  /** Takes the clients that speak AMQP. */
  readonly amqp: (arrival: Arrival) => void
}

export class Listeners implements ListenerEvents {
  readonly sockets = new OpenSockets()
  readonly #context: ListenersContext
  readonly #listeners: Listener[] = []
  readonly #waiting: WaitingSockets

  constructor(context: ListenersContext) {
    this.#context = context
    this.#waiting = new WaitingSockets(context.waitingMax)
  }

  /** As many clients are connected as the system lets the process have. */
  get isFull(): boolean {
    return this.sockets.isFull
  }

  get addresses(): ListenAddress[] {
    return this.#listeners.flatMap(({ address }) => (address === undefined ? [] : [address]))
  }

  /** What keeps clients from coming in, in plain words. */
  get warnings(): string[] {
    const down = this.#listeners.filter((listener) => listener.isDown)
    const warnings = down.map(({ name }) => `the listener ${name} is down: no client reaches it`)
    if (this.isFull) warnings.push('the system lets the process open no more files: connections are refused')
    return warnings
  }

  /** Rejects with the system's error when it refuses the address. */
  async listen(options: ListenOptions): Promise<void> {
    const listener = new Listener(options.name ?? this.#newName(options.protocol), options, this)
    await listener.open()
    if (this.#listeners.push(listener) === 1) this.sockets.makeRoom(this.#context.logger)
  }

  /** The addresses keep the process running no longer. */
  unref(): void {
    for (const listener of this.#listeners) listener.unref()
  }

  /** Takes no more clients. */
  async stop(): Promise<void> {
    const closed = this.#listeners.map((listener) => listener.close())
    this.#listeners.length = 0
    // Clients keep `close` from resolving; the addresses are free at once.
    if (this.sockets.count === 0) await Promise.all(closed)
  }

  failed(error: Error, { name }: Listener): void {
    this.#context.rareLines.log('error', { err: error, listener: name }, 'the listener failed')
  }

  accepted(socket: Socket, listener: Listener): void {
    const peer = peerOf(socket, listener)
    if (peer === undefined) {
      socket.destroy()
      return
    }
    const { sockets } = this
    if (sockets.isFull) {
      const fields = { peer: peer.address, connections: sockets.count }
      const text = 'a connection is refused: the system lets the process open no more files'
      this.#context.rareLines.log('warn', fields, text)
      socket.destroy()
      return
    }
    const place = this.#waiting.enter(peer.address)
    if ('refusal' in place) {
      const fields = { peer: peer.address, reason: place.refusal }
      this.#context.rareLines.log('warn', fields, 'a connection is refused: too many clients are logging in')
      socket.destroy()
      return
    }
    sockets.count++
    this.#context.amqp({
      peer,
      stream: socket,
      head: undefined,
      deadlineMs: this.#context.now() + this.#context.handshakeTimeoutMs,
      loggedIn: () => place.leave(),
      gone: () => {
        place.leave()
        sockets.count--
      },
    })
  }

  /** `amqp`, `amqp-2` … */
  #newName(protocol: string): string {
    const names = new Set(this.#listeners.map(({ name }) => name))
    for (let number = 1; ; number++) {
      const name = number === 1 ? protocol : `${protocol}-${number}`
      if (!names.has(name)) return name
    }
  }
}

/** Undefined when the client has gone already. */
function peerOf(socket: Socket, { name, isUnix }: Listener): Peer | undefined {
  const common = { listener: name, isEncrypted: false, certificate: undefined }
  if (isUnix) return { address: '127.0.0.1', port: 0, ...common }
  const { remoteAddress, remotePort = 0 } = socket
  return remoteAddress === undefined ? undefined : { address: plainAddress(remoteAddress), port: remotePort, ...common }
}
