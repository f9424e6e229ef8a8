/** The virtual hosts of a server, for code in the same process. */
import { Undecided } from '../broker/access/undecided.ts'
import type { AuthorizedUser } from '../broker/authorizer.ts'
import type { EmbeddedBroker } from './embedded-broker.ts'
import type { EmbeddedVhosts } from './embedded-vhosts.ts'
import type { VhostOptions } from './vhost-options.ts'

export class VirtualHosts {
  readonly #vhosts: EmbeddedVhosts

  /** Servers make it: see `Server.virtualHosts`. */
  constructor(vhosts: EmbeddedVhosts) {
    this.#vhosts = vhosts
  }

  names(): string[] {
    return this.#vhosts.names()
  }

  /** The broker of a virtual host, which may do everything in it. */
  get(name: string): EmbeddedBroker | undefined {
    return this.#vhosts.at(name)
  }

  /**
   * The broker of a virtual host for one of the server's users: every call throws BrokerError `access-refused` where the user's
   * permissions do not allow it. Undefined when there is no such virtual host.
   */
  as(user: AuthorizedUser, name: string): EmbeddedBroker | undefined {
    return this.#vhosts.as(user, name)
  }

  /**
   * The broker of a virtual host, which may do everything in it, as `get`. What it declares is told to be this user's: see
   * `QueueInfo.user`. Undefined when there is no such virtual host.
   */
  inNameOf(user: string, name: string): EmbeddedBroker | undefined {
    return this.#vhosts.inNameOf(user, name)
  }

  /** Whether the user may open the virtual host. `peerAddress` is where the user comes from. */
  async mayOpen(user: AuthorizedUser, name: string, peerAddress: string): Promise<boolean> {
    const { access } = this.#vhosts.context.core
    // An authorizer that fails has allowed nothing.
    return await Promise.resolve(access.of(user, name).vhostAccess(peerAddress)).catch(() => false)
  }

  /**
   * A call of such a broker may throw something else, while an authorizer has not answered, or while bindings go of what had the name
   * before: then this is the promise that it is over, and the call may be made again. Undefined for any other error.
   */
  whenDecided(error: unknown): Promise<void> | undefined {
    return error instanceof Undecided ? error.settled.then(() => {}) : undefined
  }

  /** Throws RangeError or TypeError. */
  create(name: string, options?: VhostOptions): EmbeddedBroker {
    return this.#vhosts.create(name, options)
  }

  /**
   * Removes a virtual host with all that is in it, and closes its connections with 320. False when there is none. Very much goes in
   * later turns of the event loop, see `whenDeleted`, and survives no restart. Throws BrokerError `precondition-failed` when it is
   * protected.
   */
  delete(name: string): boolean {
    return this.#vhosts.delete(name)
  }

  /**
   * Resolves once nothing is left of a virtual host of this name that was deleted: at once when there is none. `create` does not wait for
   * that: it has the rest go at once.
   */
  async whenDeleted(name: string): Promise<void> {
    await this.#vhosts.whenDeleted(name)
  }
}
