/**
 * What the user of an open connection may do, also when that changes: publishers are asked again, consumers that may not read their
 * queues any more are cancelled, and a connection whose user may not use the virtual host any more is closed.
 */
import { ReplyCode } from '../../protocol/constants.ts'
import type { User } from '../auth/authenticator.ts'
import type { Access } from '../broker/access/access.ts'
import type { AccessDirectory, AccessHolder } from '../broker/access/access-directory.ts'
import { refuse } from '../broker/errors.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { LongWork } from '../broker/scheduling/long-work.ts'
import { Session } from '../broker/session.ts'
import { guarded } from '../lib/guarded.ts'
import type { Channel } from './channel.ts'
import type { ConnectionLog } from './connection-log.ts'
import type { ClientCapabilities } from './context.ts'
import type { Failures } from './failures.ts'

/** Consumers that are looked at between two looks at the clock. */
const STEP_CONSUMERS = 16
/** So many are looked at before the call returns that has changed a permission. */
const AT_ONCE_CONSUMERS = 64

/** A connection, as far as it is about what its user may do. */
export interface AuthorizedConnection {
  readonly id: number
  readonly peer: { readonly address: string }
  readonly log: ConnectionLog
  readonly failures: Failures
  readonly clientCapabilities: ClientCapabilities
  readonly channels: { readonly open: readonly (Channel | undefined)[] }
}

interface Tools {
  readonly access: AccessDirectory
  readonly longWork: LongWork
}

export class LiveAccess implements AccessHolder {
  readonly session: Session
  readonly #connection: AuthorizedConnection
  readonly #tools: Tools
  readonly #vhostName: string
  #access: Access
  /** What goes through the consumers after the last change, while it does. */
  #pass: Iterator<readonly [Channel, Consumer]> | undefined
  #isOver = false

  constructor(connection: AuthorizedConnection, tools: Tools, user: User, vhostName: string) {
    this.#connection = connection
    this.#tools = tools
    this.#vhostName = vhostName
    this.#access = tools.access.enter(user, vhostName, this)
    this.session = new Session(user, vhostName, this.#access, connection.id)
  }

  /** The user is this one from now on: it has other tags, or has presented a new secret. */
  userChanged(user: User): void {
    const { access } = this.#tools
    if (user === this.session.user) {
      access.renewOne(this.#access)
      return
    }
    access.leave(this.#access, this)
    this.#access = access.enter(user, this.#vhostName, this)
    this.session.user = user
    this.session.access = this.#access
    this.accessRenewed()
  }

  accessRenewed(): void {
    // An error ends this connection: the others have to hear of it, too.
    guarded(
      () => this.#renew(),
      (error) => this.#connection.failures.failWith(error),
    )()
  }

  #renew(): void {
    for (const channel of this.#connection.channels.open) channel?.publisher.forget()
    this.#whenKnown(this.#access.vhostAccess(this.#connection.peer.address), (isAllowed) => {
      if (isAllowed) this.#recheck()
      else this.#close()
    })
  }

  /** The connection is over. */
  end(): void {
    this.#isOver = true
    this.#pass = undefined
    this.#tools.access.leave(this.#access, this)
  }

  #close(): void {
    const { message } = refuse.noVhostAccess(this.#vhostName, this.session.user.name)
    this.#connection.failures.fail(ReplyCode.NOT_ALLOWED, message, 0, 0)
  }

  #recheck(): void {
    const pass = consumersOf(this.#connection.channels.open)
    this.#pass = pass
    this.#goOn(pass)
  }

  #goOn(pass: Iterator<readonly [Channel, Consumer]>): void {
    const step = (consumers: number): boolean => {
      try {
        return this.#step(pass, consumers)
      } catch (error) {
        // It must not keep what it may not have any more.
        this.#connection.failures.failWith(error)
        return true
      }
    }
    if (!step(AT_ONCE_CONSUMERS)) this.#tools.longWork.start(STEP_CONSUMERS, step, () => {})
  }

  /** Looks at so many consumers; whether it need not be called again. */
  #step(pass: Iterator<readonly [Channel, Consumer]>, consumers: number): boolean {
    for (let left = consumers; left > 0; left--) {
      // A later change has begun at the first one again.
      if (this.#pass !== pass) return true
      const next = pass.next()
      if (next.done === true) {
        this.#pass = undefined
        return true
      }
      const [channel, consumer] = next.value
      const answer = this.#access.resource('read', 'queue', consumer.queue.name)
      if (answer === true) continue
      if (answer === false) {
        this.#revoke(channel, consumer)
        continue
      }
      this.#whenKnown(answer, (isAllowed) => {
        if (this.#pass !== pass) return
        if (!isAllowed) this.#revoke(channel, consumer)
        this.#goOn(pass)
      })
      return true
    }
    return false
  }

  /** RabbitMQ tells clients that know of it that a consumer is cancelled. For others the channel ends, so that they know. */
  #revoke(channel: Channel, consumer: Consumer): void {
    if (channel.isClosing) return
    const { log, failures, clientCapabilities } = this.#connection
    const { queue } = consumer
    const refusal = refuse.noPermission('read', this.session.user.name, 'queue', queue.name, this.#vhostName)
    if (!clientCapabilities.consumerCancelNotify) failures.failChannel(channel, refusal, 0, 0)
    else if (channel.consumers.revoke(consumer)) {
      log.write('info', `consumer cancelled: ${refusal.message}`, { channel: channel.id })
    }
  }

  /** An authorizer that fails takes nothing away: what is new is refused then, and what there is stays. */
  #whenKnown(answer: boolean | Promise<boolean>, act: (isAllowed: boolean) => void): void {
    if (typeof answer === 'boolean') {
      act(answer)
      return
    }
    const unlessOver = guarded(
      (isAllowed: boolean) => {
        if (!this.#isOver) act(isAllowed)
      },
      (error) => this.#connection.failures.failWith(error),
    )
    answer.then(unlessOver, () => unlessOver(true))
  }
}

function* consumersOf(channels: readonly (Channel | undefined)[]): Generator<readonly [Channel, Consumer], undefined> {
  for (const channel of channels) {
    if (channel === undefined || channel.isClosing) continue
    for (const consumer of channel.consumers.all()) yield [channel, consumer]
  }
}
