/** Whose connection it is, from the time when the client has opened a virtual host, and what the connection tells of itself then. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { User } from '../auth/authenticator.ts'
import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { ConnectionState } from '../broker/clients/client-info.ts'
import { type Peer, plainAddress } from '../lib/peer.ts'
import type { Channels } from './channels.ts'
import type { ConnectionLog } from './connection-log.ts'
import type { AmqpContext } from './context.ts'
import type { Handshake } from './handshake.ts'
import type { Outbox } from './outbox.ts'
import type { Phase } from './phase.ts'
import type { Reading } from './reading.ts'

interface KnownConnection {
  readonly id: number
  readonly log: ConnectionLog
  readonly peer: Peer
  readonly phase: Phase
  readonly handshake: Handshake
  readonly channels: Channels
  readonly reading: Reading
  readonly outbox: Outbox
  readonly frameMaxBytes: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

export class ConnectedClient {
  /** Undefined before the client has opened a virtual host, and after the end. */
  details: ConnectionDetails | undefined
  heartbeatSec = 0
  #connectedAtMs = 0
  readonly #connection: KnownConnection
  readonly #context: AmqpContext
  readonly #localAddress: string
  readonly #localPort: number

  /** The stream still has its socket. */
  constructor(connection: KnownConnection, context: AmqpContext, stream: Duplex) {
    const { localAddress = '', localPort = 0 } = stream as Partial<Pick<Socket, 'localAddress' | 'localPort'>>
    this.#connection = connection
    this.#context = context
    this.#localAddress = plainAddress(localAddress)
    this.#localPort = localPort
  }

  /** The client has opened a virtual host. */
  opened(user: User, vhostName: string): void {
    const { id, peer, log } = this.#connection
    const details = {
      id,
      peerAddress: peer.address,
      peerPort: peer.port,
      name: log.name,
      user,
      vhost: vhostName,
    }
    this.details = details
    this.#connectedAtMs = this.#context.wallMs()
    this.#context.broker.clientCounts.opened(details)
    log.opened(details)
    this.#context.onOpen(details)
  }

  /** Its user is this one from now on. */
  becomes(user: User): void {
    if (this.details !== undefined) this.details = { ...this.details, user }
  }

  ended(): void {
    const { details } = this
    this.details = undefined
    if (details === undefined) return
    this.#context.broker.clientCounts.ended(details)
    this.#context.onClose(details)
  }

  get state(): ConnectionState | undefined {
    const { details } = this
    if (details === undefined) return undefined
    const { peer, handshake, channels, outbox, frameMaxBytes, bytesReceived, bytesSent } = this.#connection
    const { id, peerAddress, peerPort, name, user, vhost } = details
    // Each by its name: lists make very many of these, and a spread in front is slow.
    return {
      id,
      peerAddress,
      peerPort,
      name,
      user,
      vhost,
      protocol: 'AMQP 0-9-1',
      localAddress: this.#localAddress,
      localPort: this.#localPort,
      isEncrypted: peer.isEncrypted,
      state: this.#phase(),
      connectedAtMs: this.#connectedAtMs,
      authMechanism: handshake.mechanismName,
      clientProperties: () => handshake.clientProperties,
      channels: channels.count,
      channelMax: channels.max,
      frameMaxBytes,
      heartbeatSec: this.heartbeatSec,
      bytesReceived,
      bytesSent,
      bytesUnsent: outbox.pendingBytes,
      bytesUnacked: channels.countedUnackedBytes?.bytes,
      deliveriesWaitFor: channels.countedUnackedBytes?.full?.of,
    }
  }

  #phase(): ConnectionState['state'] {
    const { phase, reading } = this.#connection
    if (phase !== 'open') return 'closing'
    return reading.isPausedFor('memory') || reading.isPausedFor('disk') ? 'blocked' : 'running'
  }
}
