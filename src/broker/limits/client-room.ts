/** Whether there may be more connections, channels and consumers: by the limits of the server, of a virtual host and of a user together. */
import type { ClientCounts } from '../clients/client-counts.ts'
import type { BrokerError } from '../errors.ts'
import type { NodeLimits } from './node-limits.ts'
import type { UserLimits } from './user-limits.ts'
import type { VhostLimits } from './vhost-limits.ts'

interface LimitedVhost {
  readonly name: string
  readonly limits: VhostLimits
}

export class ClientRoom {
  readonly #nodeLimits: NodeLimits
  readonly #userLimits: UserLimits
  readonly #counts: ClientCounts

  constructor(nodeLimits: NodeLimits, userLimits: UserLimits, counts: ClientCounts) {
    this.#nodeLimits = nodeLimits
    this.#userLimits = userLimits
    this.#counts = counts
  }

  /** Why there may be no further connection; undefined when there may. */
  connectionRefusal({ name, limits }: LimitedVhost, userName: string): BrokerError | undefined {
    const { connections } = this.#counts
    return (
      this.#nodeLimits.connectionRefusal(connections.inAll) ??
      limits.connectionRefusal(userName, connections.ofVhost(name)) ??
      this.#userLimits.connectionRefusal(userName, connections.ofUser(userName))
    )
  }

  /** The same for a channel. */
  channelRefusal({ name, limits }: LimitedVhost, userName: string, nodeName: string): BrokerError | undefined {
    const { channels } = this.#counts
    return (
      this.#nodeLimits.channelRefusal(channels.inAll, nodeName) ??
      limits.channelRefusal(channels.ofVhost(name)) ??
      this.#userLimits.channelRefusal(userName, channels.ofUser(userName))
    )
  }

  /** Throws BrokerError when there may be no further consumer on a channel that has so many. */
  checkConsumer({ name, limits }: LimitedVhost, userName: string, ofChannel: number): void {
    const { consumers } = this.#counts
    this.#nodeLimits.checkConsumer(ofChannel, consumers.inAll)
    limits.checkConsumer(consumers.ofVhost(name))
    this.#userLimits.checkConsumer(userName, consumers.ofUser(userName))
  }
}
