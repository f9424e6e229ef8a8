/** The connections of clients, whatever protocol they speak: to be looked at, counted and closed. */
import type { AuthorizedUser } from '../authorizer.ts'
import type { Step } from '../scheduling/long-work.ts'
import { type Removals, USUAL_PACE } from '../scheduling/removals.ts'
import type { ChannelState, ConnectionState } from './client-info.ts'

/** To close a connection takes as long as to remove so many queues. */
const CLOSING_UNITS = 8

/** A connection that is open. */
export interface ConnectionDetails {
  /** Counts the connections of a server from 1. */
  readonly id: number
  /** The client's IP address. */
  readonly peerAddress: string
  readonly peerPort: number
  /** What the client calls its connection (`connection_name` of its client-properties), up to 255 characters. */
  readonly name: string | undefined
  readonly user: AuthorizedUser
  /** The name of its virtual host. */
  readonly vhost: string
}

/** A connection, as the directory knows it. */
export interface ClientConnection {
  /** Counts the connections of a server from 1. */
  readonly id: number
  /** Undefined until the client has opened a virtual host. */
  readonly details: ConnectionDetails | undefined
  /** Known once the client has logged in, which is earlier. */
  readonly userName: string | undefined
  readonly channels: { readonly count: number }
  readonly bytesReceived: number
  readonly bytesSent: number
  /** One of the server's own users is the second of these from now on, the same with other tags: so is a client that logged in as it. */
  userChanged(before: AuthorizedUser, now: AuthorizedUser): void
  /** How it is, once the client has opened a virtual host. */
  readonly state: ConnectionState | undefined
  channelStates(): Iterable<ChannelState>
  /**
   * It counts no longer, and nothing more of what its client sends is carried out: `force` follows, as part of the removal of this
   * number, and comes early if there is something.
   */
  stop(reason: string, removal: number): void
  /** Ends the connection because of the broker, not of its client. */
  force(reason: string): void
  /** Ends the connection because of an internal error. */
  broken(error: unknown): void
}

/** How connections that are stopped are closed. */
export interface Closing {
  /** Of the removal that this is, see `Removals.newNumber`. */
  readonly number: number
  readonly step: Step
}

/** What connections do and did. */
export interface Traffic {
  /** Those that are open. */
  readonly connections: number
  readonly channels: number
  /** Bytes of all connections so far. */
  readonly bytesReceived: number
  readonly bytesSent: number
}

export class ClientDirectory {
  readonly #removals: Removals
  readonly #connections = new Map<number, ClientConnection>()
  /** Bytes of connections that are gone. */
  #pastBytesReceived = 0
  #pastBytesSent = 0

  constructor(removals: Removals) {
    this.#removals = removals
  }

  add(connection: ClientConnection): void {
    this.#connections.set(connection.id, connection)
  }

  /** The connection is gone: what it has counted stays. */
  remove(connection: ClientConnection): void {
    if (!this.#connections.delete(connection.id)) return
    this.#pastBytesReceived += connection.bytesReceived
    this.#pastBytesSent += connection.bytesSent
  }

  /** The connections that are open. */
  open(): ConnectionDetails[] {
    return [...this.#connections.values()].flatMap(({ details }) => (details === undefined ? [] : [details]))
  }

  /** Those that clients have opened a virtual host with, one by one. */
  *all(): Iterable<ClientConnection> {
    for (const connection of this.#connections.values()) if (connection.details !== undefined) yield connection
  }

  /** The one with this number, if it is open. */
  one(id: number): ClientConnection | undefined {
    const connection = this.#connections.get(id)
    return connection?.details === undefined ? undefined : connection
  }

  traffic(): Traffic {
    let [connections, channels, bytesReceived, bytesSent] = [0, 0, this.#pastBytesReceived, this.#pastBytesSent]
    for (const connection of this.#connections.values()) {
      if (connection.details !== undefined) {
        connections++
        channels += connection.channels.count
      }
      bytesReceived += connection.bytesReceived
      bytesSent += connection.bytesSent
    }
    return { connections, channels, bytesReceived, bytesSent }
  }

  /** Stops those of a virtual host. Returns what closes them. */
  stopThoseOfVhost(vhost: string, reason: string): Closing {
    return this.#stop(({ details }) => details?.vhost === vhost, reason)
  }

  /** Very many are stopped at once, and closed turn by turn. */
  closeThoseOfUser(user: string, reason: string): void {
    this.#removals.begin({ ...USUAL_PACE, ...this.#stop(({ userName }) => userName === user, reason) })
  }

  /** A user has other tags. */
  userChanged(before: AuthorizedUser, now: AuthorizedUser): void {
    for (const connection of this.#connections.values()) {
      guarded(connection, () => connection.userChanged(before, now))
    }
  }

  /** False when there is none with this number. */
  closeOne(id: number, reason: string): boolean {
    const connection = this.one(id)
    if (connection === undefined) return false
    forced(connection, reason)
    return true
  }

  #stop(isMeant: (connection: ClientConnection) => boolean, reason: string): Closing {
    const number = this.#removals.newNumber()
    const meant = [...this.#connections.values()].filter(isMeant)
    for (const connection of meant) guarded(connection, () => connection.stop(reason, number))
    let at = 0
    const step = (count: number): boolean => {
      for (const end = Math.min(at + Math.ceil(count / CLOSING_UNITS), meant.length); at < end; )
        forced(meant[at++] as ClientConnection, reason)
      return at === meant.length
    }
    return { number, step }
  }
}

function forced(connection: ClientConnection, reason: string): void {
  guarded(connection, () => connection.force(reason))
}

/** An error ends the connection that it concerns, and no other. */
function guarded(connection: ClientConnection, act: () => void): void {
  try {
    act()
  } catch (error) {
    connection.broken(error)
  }
}
