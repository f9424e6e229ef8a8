/** How many connections and channels there are, each user has, and how many connections each virtual host: what limits are about. */
import type { Churn } from '../statistics/churn.ts'
import type { ConnectionDetails } from './client-directory.ts'

type Owner = Pick<ConnectionDetails, 'user' | 'vhost'>

export class ClientCounts {
  /** Those that have opened a virtual host. */
  connections = 0
  /** Of all connections together. */
  channels = 0
  readonly #churn: Churn
  readonly #ofVhosts = new Map<string, number>()
  readonly #ofUsers = new Map<string, number>()
  readonly #channelsOfUsers = new Map<string, number>()

  constructor(churn: Churn) {
    this.#churn = churn
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
  opened({ user, vhost }: Owner): void {
    this.connections++
    this.#churn.connectionsOpened++
    count(this.#ofVhosts, vhost, 1)
    count(this.#ofUsers, user.name, 1)
  }

  /** Its connection has ended. */
  ended({ user, vhost }: Owner): void {
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
}

function count(counts: Map<string, number>, name: string, difference: number): void {
  const sum = (counts.get(name) ?? 0) + difference
  if (sum === 0) counts.delete(name)
  else counts.set(name, sum)
}
