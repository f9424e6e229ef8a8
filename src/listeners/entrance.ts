/**
 * The way of a client from its socket to the part that speaks its protocol: past the header of a proxy, where it comes from one,
 * and through the TLS handshake, where its listener has one. Until it is through, it has little time.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { CrowdLine } from '../lib/crowd-line.ts'
import type { Networks } from '../lib/networks.ts'
import { addressText, type Peer, plainAddress } from '../lib/peer.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { Arrival } from './arrival.ts'
import { HandshakeStarts } from './handshake-starts.ts'
import { PROTOCOLS, type Speaker } from './listen-options.ts'
import type { Listener } from './listener.ts'
import type { OpenSockets } from './open-sockets.ts'
import type { ProxySource } from './proxy-header.ts'
import { readProxyHeader } from './proxy-reader.ts'
import type { TlsDoor } from './tls-door.ts'
import type { WaitingPlace, WaitingSockets } from './waiting-sockets.ts'

const LET_IN_DEFECT = 'internal error while a client was let in'

export interface EntranceContext {
  readonly sockets: OpenSockets
  /** Clients that have not logged in. */
  readonly waiting: WaitingSockets
  /** For what clients can cause at any rate. */
  readonly rareLines: RareLines
  /** The monotonic clock. */
  readonly now: () => number
  /** From connecting to having logged in. */
  readonly handshakeTimeoutMs: number
  /** For the header of a proxy and the TLS handshake. */
  readonly entryTimeoutMs: number
  /** Clients from there come through a proxy that says who they are. */
  readonly proxies: Networks | undefined
  /** There once the first listener with TLS listens. */
  readonly tls: () => TlsDoor | undefined
  /** Who takes the clients that are through. */
  readonly speakers: Readonly<Record<Speaker, (arrival: Arrival) => void>>
}

export class Entrance {
  readonly #context: EntranceContext
  readonly #arrivals = new CrowdLine(setImmediate, () => performance.now())
  readonly #starts = new HandshakeStarts()
  /** Clients that are not through yet. */
  readonly #entering = new Set<Entry>()

  constructor(context: EntranceContext) {
    this.#context = context
  }

  enter(socket: Socket, listener: Listener): void {
    const peer = peerOf(socket, listener)
    if (peer === undefined) {
      socket.destroy()
      return
    }
    const { sockets, waiting, proxies, now, handshakeTimeoutMs } = this.#context
    if (sockets.isFull) {
      this.#refuse(socket, peer, { connections: sockets.count }, 'the system lets the process open no more files')
      return
    }
    const isProxied = proxies !== undefined && (listener.isUnix ? proxies.hasUnix : proxies.has(peer.address))
    const place = waiting.enter(isProxied ? undefined : peer.address)
    if ('refusal' in place) {
      this.#refuse(socket, peer, { reason: place.refusal }, 'too many clients are logging in')
      return
    }
    sockets.count++
    const entry = new Entry(socket, listener, peer, place, now() + handshakeTimeoutMs)
    this.#entering.add(entry)
    this.#arrivals.add(() => this.#letIn(entry, isProxied))
  }

  /** It was counted when it came; the system may give us a thousand clients in one turn. */
  #letIn(entry: Entry, isProxied: boolean): void {
    const { socket } = entry
    try {
      this.#entering.delete(entry)
      if (socket.destroyed) this.#forget(entry)
      else this.#begin(entry, isProxied)
    } catch (error) {
      this.#broken(entry, error)
      socket.destroy()
    }
  }

  #broken({ peer, listener }: Entry, error: unknown): void {
    this.#context.rareLines.log('error', { err: error, peer: peer.address, listener: listener.name }, LET_IN_DEFECT)
  }

  #begin(entry: Entry, isProxied: boolean): void {
    const { socket, listener } = entry
    const { isSecure } = PROTOCOLS[listener.protocol]
    if (!isSecure && !isProxied) {
      this.#handOver(entry, socket, undefined)
      return
    }
    this.#watch(entry)
    if (isProxied) this.#readProxyHeader(entry)
    else this.#secure(entry)
  }

  /** Ends those that are not through. */
  close(): void {
    for (const { socket } of this.#entering) socket.destroy()
  }

  /** It has little time, and may be gone before it is through. */
  #watch(entry: Entry): void {
    const { socket } = entry
    const timer = setTimeout(() => this.#outOfTime(entry), this.#context.entryTimeoutMs)
    this.#entering.add(entry)
    entry.whenOver(() => {
      clearTimeout(timer)
      this.#entering.delete(entry)
    })
    socket.on('error', () => {}) // `close` follows
    socket.once('close', () => {
      if (entry.end()) this.#forget(entry)
    })
  }

  #forget(entry: Entry): void {
    entry.place.leave()
    this.#context.sockets.count--
  }

  #readProxyHeader(entry: Entry): void {
    const { socket, listener } = entry
    readProxyHeader(socket, {
      found: (source, rest) => {
        if (!this.#isFrom(entry, source)) return
        if (PROTOCOLS[listener.protocol].isSecure) {
          if (rest.length > 0) socket.unshift(rest)
          this.#secure(entry)
        } else this.#through(entry, socket, rest)
      },
      malformed: () => {
        this.#log(entry, {}, 'a trusted proxy began without a PROXY header: it is disconnected')
        socket.destroy()
      },
    })
  }

  /** The client behind a proxy is known now, and counts with the others from its address. */
  #isFrom(entry: Entry, source: ProxySource): boolean {
    entry.peer = peerBehind(entry.peer, source)
    entry.place.leave()
    const place = this.#context.waiting.enter(source === 'unknown' ? undefined : entry.peer.address)
    if ('refusal' in place) {
      this.#refuse(entry.socket, entry.peer, { reason: place.refusal }, 'too many clients are logging in')
      return false
    }
    entry.place = place
    return true
  }

  #secure(entry: Entry): void {
    const { socket } = entry
    const leave = this.#starts.add(() => {
      // It listens, so that the door is there.
      const door = this.#context.tls() as TlsDoor
      door.secure(socket, {
        through: (encrypted, certificate) => {
          entry.peer = { ...entry.peer, isEncrypted: true, certificate }
          this.#through(entry, encrypted, undefined)
        },
        failed: (reason) => {
          this.#log(entry, { reason }, 'a client did not get through the TLS handshake')
          socket.destroy()
        },
      })
    })
    entry.whenOver(leave)
  }

  #through(entry: Entry, stream: Duplex, head: Buffer | undefined): void {
    if (entry.end()) this.#handOver(entry, stream, head)
  }

  /** A speaker that fails to take the client in may tell that it is gone, or not: it counts as gone once, and at once. */
  #handOver(entry: Entry, stream: Duplex, head: Buffer | undefined): void {
    const { peer, listener, deadlineMs } = entry
    let isGone = false
    const gone = (): void => {
      if (!isGone) this.#forget(entry)
      isGone = true
    }
    try {
      const speak = this.#context.speakers[PROTOCOLS[listener.protocol].speaker]
      speak({ peer, stream, head, deadlineMs, loggedIn: () => entry.place.leave(), gone })
    } catch (error) {
      this.#broken(entry, error)
      stream.destroy()
      gone()
    }
  }

  #outOfTime(entry: Entry): void {
    this.#log(entry, {}, 'a client did not get through the TLS handshake, or its proxy sent no header, in time')
    entry.socket.destroy()
  }

  #refuse(socket: Socket, { address }: Peer, fields: object, reason: string): void {
    this.#context.rareLines.log('warn', { peer: address, ...fields }, `a connection is refused: ${reason}`)
    socket.destroy()
  }

  #log({ peer }: Entry, fields: object, text: string): void {
    const who = { peer: addressText(peer.address, peer.port), listener: peer.listener }
    this.#context.rareLines.log('warn', { ...who, ...fields }, text)
  }
}

/** A client that is not through yet. */
class Entry {
  readonly socket: Socket
  readonly listener: Listener
  peer: Peer
  place: WaitingPlace
  readonly deadlineMs: number
  readonly #whenOver: (() => void)[] = []
  #isOver = false

  constructor(socket: Socket, listener: Listener, peer: Peer, place: WaitingPlace, deadlineMs: number) {
    this.socket = socket
    this.listener = listener
    this.peer = peer
    this.place = place
    this.deadlineMs = deadlineMs
  }

  whenOver(act: () => void): void {
    this.#whenOver.push(act)
  }

  /** It is through, or gone. False when it was before. */
  end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    for (const act of this.#whenOver) act()
    return true
  }
}

/** Undefined when the client has gone already. */
function peerOf(socket: Socket, { name, isUnix }: Listener): Peer | undefined {
  const common = { listener: name, isEncrypted: false, certificate: undefined }
  if (isUnix) return { address: '127.0.0.1', port: 0, ...common }
  const { remoteAddress, remotePort = 0 } = socket
  return remoteAddress === undefined ? undefined : { address: plainAddress(remoteAddress), port: remotePort, ...common }
}

/** A proxy that speaks for itself is who it is. An address that it does not know is not taken for its own. */
function peerBehind(proxy: Peer, source: ProxySource): Peer {
  if (source === 'local') return proxy
  return source === 'unknown' ? { ...proxy, address: 'unknown', port: 0 } : { ...proxy, ...source }
}
