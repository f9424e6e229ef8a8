/** What a connection tells of itself when it is looked at. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { ConnectionState } from '../broker/clients/client-info.ts'
import { type Peer, plainAddress } from '../lib/peer.ts'
import type { Channels } from './channels.ts'
import type { Handshake } from './handshake.ts'
import type { Outbox } from './outbox.ts'
import type { Phase } from './phase.ts'
import type { Reading } from './reading.ts'

interface KnownConnection {
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

export class ConnectionFacts {
  connectedAtMs = 0
  heartbeatSec = 0
  readonly #connection: KnownConnection
  readonly #localAddress: string
  readonly #localPort: number

  /** The stream still has its socket. */
  constructor(connection: KnownConnection, stream: Duplex) {
    const { localAddress = '', localPort = 0 } = stream as Partial<Pick<Socket, 'localAddress' | 'localPort'>>
    this.#connection = connection
    this.#localAddress = plainAddress(localAddress)
    this.#localPort = localPort
  }

  state(details: ConnectionDetails): ConnectionState {
    const { peer, handshake, channels, outbox, frameMaxBytes, bytesReceived, bytesSent } = this.#connection
    return {
      ...details,
      protocol: 'AMQP 0-9-1',
      localAddress: this.#localAddress,
      localPort: this.#localPort,
      isEncrypted: peer.isEncrypted,
      state: this.#phase(),
      connectedAtMs: this.connectedAtMs,
      authMechanism: handshake.mechanismName,
      clientProperties: () => handshake.clientProperties,
      channels: channels.count,
      channelMax: channels.max,
      frameMaxBytes,
      heartbeatSec: this.heartbeatSec,
      bytesReceived,
      bytesSent,
      bytesUnsent: outbox.pendingBytes,
    }
  }

  #phase(): ConnectionState['state'] {
    const { phase, reading } = this.#connection
    if (phase !== 'open') return 'closing'
    return reading.isPausedFor('memory') || reading.isPausedFor('disk') ? 'blocked' : 'running'
  }
}
