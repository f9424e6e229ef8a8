/** How many connections, channels and consumers of clients there are, and of these each user and each virtual host has: what limits are about. */
import { addressText } from '../../lib/peer.ts'
import type { Churn } from '../statistics/churn.ts'
import type { EventLog, EventName } from '../statistics/event-log.ts'
import type { ConnectionDetails } from './client-directory.ts'

type Client = Omit<ConnectionDetails, 'id'>

/** How many of one kind. */
class OwnerCounts {
  inAll = 0
  readonly #ofUsers = new Map<string, number>()
  readonly #ofVhosts = new Map<string, number>()

  ofUser(user: string): number {
    return this.#ofUsers.get(user) ?? 0
  }

  ofVhost(vhost: string): number {
    return this.#ofVhosts.get(vhost) ?? 0
  }

  /** So many more, or less. */
  add(user: string, vhost: string, difference: number): void {
    this.inAll += difference
    count(this.#ofUsers, user, difference)
    count(this.#ofVhosts, vhost, difference)
  }
}

export class ClientCounts {
  /** Those that have opened a virtual host. */
  readonly connections = new OwnerCounts()
  readonly channels = new OwnerCounts()
  readonly consumers = new OwnerCounts()
  readonly #churn: Churn
  readonly #events: EventLog

  constructor(churn: Churn, events: EventLog) {
    this.#churn = churn
    this.#events = events
  }

  /** A client has opened its virtual host. */
  opened(client: Client): void {
    const { user, vhost } = client
    this.#tell('connection.created', client)
    this.#churn.connectionsOpened++
    this.connections.add(user.name, vhost, 1)
  }

  /** Its connection has ended. */
  ended(client: Client): void {
    const { user, vhost } = client
    this.#tell('connection.closed', client)
    this.#churn.connectionsClosed++
    this.connections.add(user.name, vhost, -1)
  }

  channelsOpened(user: string, vhost: string, channels: number): void {
    this.#churn.channelsOpened += channels
    this.channels.add(user, vhost, channels)
  }

  channelsClosed(user: string, vhost: string, channels: number): void {
    this.#churn.channelsClosed += channels
    this.channels.add(user, vhost, -channels)
  }

  #tell(event: EventName, { user, vhost, peerAddress, peerPort, name }: Client): void {
    const about = { user: user.name, vhost, peer: addressText(peerAddress, peerPort) }
    this.#events.add(event, name === undefined ? about : { ...about, name })
  }
}

function count(counts: Map<string, number>, name: string, difference: number): void {
  const sum = (counts.get(name) ?? 0) + difference
  if (sum === 0) counts.delete(name)
  else counts.set(name, sum)
}
