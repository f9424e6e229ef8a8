/** The clients of a server, whatever protocol they speak, for code in the same process. */
import { type PlainTable, plainTable } from '../../protocol/field-table-plain.ts'
import type { ClientConnection, ClientDirectory } from '../broker/clients/client-directory.ts'
import type { ChannelState, ConnectionState } from '../broker/clients/client-info.ts'
import { anyText } from '../lib/checks.ts'
import { addressText } from '../lib/peer.ts'

export interface ConnectionInfo extends Omit<ConnectionState, 'clientProperties'> {
  /** Where it comes from and where it leads to: `127.0.0.1:50000 -> 127.0.0.1:5672`. */
  readonly route: string
  /** What the client says of itself: made when it is asked for. */
  readonly clientProperties: PlainTable
}

export interface ChannelInfo extends ChannelState {
  readonly connection: ConnectionInfo
}

export interface ClientsContext {
  readonly clients: ClientDirectory
  readonly requireRunning: () => void
}

export class EmbeddedClients {
  readonly #context: ClientsContext

  /** Servers make it: see `Server.clients`. */
  constructor(context: ClientsContext) {
    this.#context = context
  }

  /** The connections that are open, one by one: a walk may take several turns of the event loop. */
  *connections(): Iterable<ConnectionInfo> {
    this.#context.requireRunning()
    for (const client of this.#context.clients.all()) {
      const info = infoOf(client)
      if (info !== undefined) yield info
    }
  }

  /** The open connection with this number. */
  connection(id: number): ConnectionInfo | undefined {
    this.#context.requireRunning()
    return infoOf(this.#context.clients.one(id))
  }

  /** The one with this route. Looks at all connections, though hardly at most of them. */
  connectionWithRoute(route: string): ConnectionInfo | undefined {
    this.#context.requireRunning()
    anyText(route, 'the route')
    const port = Number(/:(\d{1,5}) -> /.exec(route)?.[1])
    for (const client of this.#context.clients.all()) {
      if (client.details?.peerPort !== port) continue
      const info = infoOf(client)
      if (info?.route === route) return info
    }
    return undefined
  }

  /** The channels of all connections, or of the one with this number. */
  *channels(connectionId?: number): Iterable<ChannelInfo> {
    this.#context.requireRunning()
    const { clients } = this.#context
    const one = connectionId === undefined ? undefined : clients.one(connectionId)
    const wanted = connectionId === undefined ? clients.all() : one === undefined ? [] : [one]
    for (const client of wanted) {
      const connection = infoOf(client)
      if (connection === undefined) continue
      // The states are made for this call alone.
      for (const channel of client.channelStates()) yield Object.assign(channel, { connection })
    }
  }

  /** Closes the connection with this number with 320; the client is told the reason. False when there is none. */
  close(connectionId: number, reason: string): boolean {
    this.#context.requireRunning()
    anyText(reason, 'the reason')
    return this.#context.clients.closeOne(connectionId, reason)
  }
}

function infoOf(client: ClientConnection | undefined): ConnectionInfo | undefined {
  const state = client?.state
  return state === undefined ? undefined : new ClientConnectionInfo(state)
}

/** Field by field: lists make very many of these, and a spread of so many fields is slow. */
class ClientConnectionInfo implements ConnectionInfo {
  readonly id: ConnectionInfo['id']
  readonly peerAddress: ConnectionInfo['peerAddress']
  readonly peerPort: ConnectionInfo['peerPort']
  readonly name: ConnectionInfo['name']
  readonly user: ConnectionInfo['user']
  readonly vhost: ConnectionInfo['vhost']
  readonly protocol: ConnectionInfo['protocol']
  readonly localAddress: ConnectionInfo['localAddress']
  readonly localPort: ConnectionInfo['localPort']
  readonly isEncrypted: ConnectionInfo['isEncrypted']
  readonly state: ConnectionInfo['state']
  readonly connectedAtMs: ConnectionInfo['connectedAtMs']
  readonly authMechanism: ConnectionInfo['authMechanism']
  readonly channels: ConnectionInfo['channels']
  readonly channelMax: ConnectionInfo['channelMax']
  readonly frameMaxBytes: ConnectionInfo['frameMaxBytes']
  readonly heartbeatSec: ConnectionInfo['heartbeatSec']
  readonly bytesReceived: ConnectionInfo['bytesReceived']
  readonly bytesSent: ConnectionInfo['bytesSent']
  readonly bytesUnsent: ConnectionInfo['bytesUnsent']
  readonly bytesUnacked: ConnectionInfo['bytesUnacked']
  readonly deliveriesWaitFor: ConnectionInfo['deliveriesWaitFor']
  readonly route: string
  /** Its own, so that a copy has it; decoded when it is read, since lists read it of few. */
  declare readonly clientProperties: PlainTable
  readonly #clientProperties: ConnectionState['clientProperties']
  /** One for all: V8 makes the objects alike then, and defining it costs little. */
  static readonly #CLIENT_PROPERTIES = {
    enumerable: true,
    get(this: ClientConnectionInfo): PlainTable {
      return plainTable(this.#clientProperties())
    },
  }

  constructor(state: ConnectionState) {
    this.id = state.id
    this.peerAddress = state.peerAddress
    this.peerPort = state.peerPort
    this.name = state.name
    this.user = state.user
    this.vhost = state.vhost
    this.protocol = state.protocol
    this.localAddress = state.localAddress
    this.localPort = state.localPort
    this.isEncrypted = state.isEncrypted
    this.state = state.state
    this.connectedAtMs = state.connectedAtMs
    this.authMechanism = state.authMechanism
    this.channels = state.channels
    this.channelMax = state.channelMax
    this.frameMaxBytes = state.frameMaxBytes
    this.heartbeatSec = state.heartbeatSec
    this.bytesReceived = state.bytesReceived
    this.bytesSent = state.bytesSent
    this.bytesUnsent = state.bytesUnsent
    this.bytesUnacked = state.bytesUnacked
    this.deliveriesWaitFor = state.deliveriesWaitFor
    const { peerAddress, peerPort, localAddress, localPort } = state
    this.route = `${addressText(peerAddress, peerPort)} -> ${addressText(localAddress, localPort)}`
    this.#clientProperties = state.clientProperties
    Object.defineProperty(this, 'clientProperties', ClientConnectionInfo.#CLIENT_PROPERTIES)
  }
}
