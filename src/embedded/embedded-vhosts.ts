/** The in-process brokers of all virtual hosts: one for each, made when it is first asked for. */
import { SHORTSTR_BYTES_MAX } from '../../protocol/short-string.ts'
import { ALL_PERMISSIONS } from '../broker/access/permission-list.ts'
import type { AuthorizedUser } from '../broker/authorizer.ts'
import { refuse } from '../broker/errors.ts'
import { FULL_ACCESS, Session } from '../broker/session.ts'
import { checkOptions, text } from '../lib/checks.ts'
import { EmbeddedBroker, IN_PROCESS_USER } from './embedded-broker.ts'
import type { EmbeddedContext } from './embedded-context.ts'
import { DiskWaits } from './take-message.ts'
import { metadataIn, VHOST_CHECKS, type VhostOptions } from './vhost-options.ts'

const vhostName = text(1, SHORTSTR_BYTES_MAX)

export class EmbeddedVhosts {
  readonly context: EmbeddedContext
  readonly diskWaits = new DiskWaits()
  readonly #brokers = new Map<string, EmbeddedBroker>()
  #lastTag = 0

  constructor(context: EmbeddedContext) {
    this.context = context
  }

  /** Delivery tags are the server's, so that a message settled at the wrong broker is refused. */
  readonly nextTag = (): number => ++this.#lastTag

  at(name: string): EmbeddedBroker | undefined {
    this.context.requireRunning()
    const vhost = this.context.core.vhost(name)
    if (vhost === undefined) return undefined
    let broker = this.#brokers.get(name)
    if (broker === undefined) {
      broker = new EmbeddedBroker(vhost, this)
      this.#brokers.set(name, broker)
    }
    return broker
  }

  /** With what this user may do, and no more. */
  as(user: AuthorizedUser, name: string): EmbeddedBroker | undefined {
    this.context.requireRunning()
    const { core } = this.context
    const vhost = core.vhost(name)
    return vhost === undefined
      ? undefined
      : new EmbeddedBroker(vhost, this, new Session(user, name, core.access.of(user, name)))
  }

  /** May do everything; what it declares is this user's. */
  inNameOf(user: string, name: string): EmbeddedBroker | undefined {
    this.context.requireRunning()
    const vhost = this.context.core.vhost(name)
    if (vhost === undefined) return undefined
    return new EmbeddedBroker(vhost, this, new Session({ ...IN_PROCESS_USER, name: user }, name, FULL_ACCESS))
  }

  /** Throws RangeError or TypeError, and BrokerError for an owner that there is not, and when there are as many as there may be. */
  create(name: string, options: VhostOptions = {}): EmbeddedBroker {
    this.context.requireRunning()
    vhostName(name, 'the name of the virtual host')
    checkOptions('createVhost', options, VHOST_CHECKS)
    this.context.core.checkNewVhost(name)
    const isNew = this.context.core.vhost(name) === undefined
    const owner = isNew ? this.#owner(options) : undefined
    const vhost = this.context.core.createVhost(name)
    if (owner !== undefined) this.context.core.permissions.set(owner, name, ALL_PERMISSIONS)
    const type = options.defaultQueueType ?? (isNew ? this.context.defaultQueueType : undefined)
    // Queues of a virtual host that was told its type carry it in their arguments: what it is anyway tells it nothing.
    if (type !== undefined && type !== (vhost.defaultQueueType ?? 'classic')) vhost.setDefaultQueueType(type)
    const metadata = metadataIn(options)
    if (metadata !== undefined) vhost.setMetadata(metadata)
    return this.at(name) as EmbeddedBroker // it was just made
  }

  /** RabbitMQ gives all permissions in a new virtual host to the user that makes it. */
  #owner({ owner }: VhostOptions): string | undefined {
    const { defaultUser, isUser } = this.context
    if (owner === '') return undefined
    if (owner === undefined) return isUser(defaultUser) ? defaultUser : undefined
    if (!isUser(owner)) throw refuse.missingUser(owner)
    return owner
  }

  delete(name: string): boolean {
    this.context.requireRunning()
    const { core } = this.context
    try {
      return core.deleteVhost(name)
    } finally {
      if (core.vhost(name) === undefined) this.#brokers.delete(name)
    }
  }

  async whenDeleted(name: string): Promise<void> {
    this.context.requireRunning()
    await this.context.core.whenGone(name)
  }

  /** The server stops: calls that wait for the disk are told why. */
  close(reason: Error): void {
    this.diskWaits.end(reason)
    this.#brokers.clear()
  }

  names(): string[] {
    this.context.requireRunning()
    return Array.from(this.context.core.vhosts(), (vhost) => vhost.name)
  }
}
