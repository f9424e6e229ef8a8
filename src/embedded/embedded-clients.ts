/** The clients of a server, whatever protocol they speak, for code in the same process. */
import { type PlainTable, plainTable } from '../../protocol/field-table-plain.ts'
import type { ClientDirectory } from '../broker/clients/client-directory.ts'
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
    for (const { state } of this.#context.clients.all()) if (state !== undefined) yield connectionInfo(state)
  }

  /** The channels of all connections, or of the one with this number. */
  *channels(connectionId?: number): Iterable<ChannelInfo> {
    this.#context.requireRunning()
    for (const client of this.#context.clients.all()) {
      const { state } = client
      if (state === undefined || (connectionId !== undefined && state.id !== connectionId)) continue
      const connection = connectionInfo(state)
      for (const channel of client.channelStates()) yield { ...channel, connection }
    }
  }

  /** Closes the connection with this number with 320; the client is told the reason. False when there is none. */
  close(connectionId: number, reason: string): boolean {
    this.#context.requireRunning()
    anyText(reason, 'the reason')
    return this.#context.clients.closeOne(connectionId, reason)
  }
}

function connectionInfo(state: ConnectionState): ConnectionInfo {
  const { peerAddress, peerPort, localAddress, localPort, clientProperties } = state
  return {
    ...state,
    route: `${addressText(peerAddress, peerPort)} -> ${addressText(localAddress, localPort)}`,
    get clientProperties(): PlainTable {
      return plainTable(clientProperties())
    },
  }
}
