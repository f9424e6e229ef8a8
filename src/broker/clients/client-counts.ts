/** How many connections and channels there are, each user has, and how many connections each virtual host: what limits are about. */
import { addressText } from '../../lib/peer.ts'
import type { Churn } from '../statistics/churn.ts'
import type { EventLog, EventName } from '../statistics/event-log.ts'
import type { ConnectionDetails } from './client-directory.ts'

type Client = Omit<ConnectionDetails, 'id'>

export class ClientCounts {
  /** Those that have opened a virtual host. */
  connections = 0
  /** Of all connections together. */
  channels = 0
  readonly #churn: Churn
  readonly #events: EventLog
  readonly #ofVhosts = new Map<string, number>()
  readonly #ofUsers = new Map<string, number>()
  readonly #channelsOfUsers = new Map<string, number>()

  constructor(churn: Churn, events: EventLog) {
    this.#churn = churn
    this.#events = events
  }

  connectionsOfVhost(vhost: string): number {
    return this.#ofVhosts.get(vhost) ?? 0
  }

  connectionsOfUser(user: string): number {
    return this.#ofUsers.get(user) ?? 0
  }

  channelsOfUser(user: string): number {
    return this.#channelsOfUsers.get(user) ?? 0
  }

  /** A client has opened its virtual host. */
  opened(client: Client): void {
    const { user, vhost } = client
    this.#tell('connection.created', client)
    this.connections++
    this.#churn.connectionsOpened++
    count(this.#ofVhosts, vhost, 1)
    count(this.#ofUsers, user.name, 1)
  }

  /** Its connection has ended. */
  ended(client: Client): void {
    const { user, vhost } = client
    this.#tell('connection.closed', client)
    this.connections--
    this.#churn.connectionsClosed++
    count(this.#ofVhosts, vhost, -1)
    count(this.#ofUsers, user.name, -1)
  }

  channelsOpened(user: string, channels: number): void {
    this.channels += channels
    this.#churn.channelsOpened += channels
    count(this.#channelsOfUsers, user, channels)
  }

  channelsClosed(user: string, channels: number): void {
    this.channels -= channels
    this.#churn.channelsClosed += channels
    count(this.#channelsOfUsers, user, -channels)
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
