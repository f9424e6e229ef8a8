/**
 * What the users of open connections may do: who has the same user, in the same virtual host, shares an `Access`. When permissions
 * change, or answers have counted for as long as they may, it is renewed, and everyone who has it is told.
 */
import type { Clock } from '../../lib/clock.ts'
import type { AuthorizedUser, Authorizer } from '../authorizer.ts'
import { Access } from './access.ts'

/** Who acts as a user in a virtual host. */
export interface AccessHolder {
  /** What it may do has changed, or may have. */
  accessRenewed(): void
}

interface Held {
  readonly access: Access
  readonly holders: Set<AccessHolder>
  cancelRenewal: () => void
}

export class AccessDirectory {
  /** How often answers have changed. */
  renewals = 0
  readonly #authorizer: Authorizer
  readonly #clock: Clock
  readonly #onFailure: (error: unknown) => void
  /** By the very object of the user: two users of the same name may be known by different means. */
  readonly #held = new Map<AuthorizedUser, Map<string, Held>>()

  /** `onFailure` is told of errors of the authorizer. */
  constructor(authorizer: Authorizer, clock: Clock, onFailure: (error: unknown) => void) {
    this.#authorizer = authorizer
    this.#clock = clock
    this.#onFailure = onFailure
  }

  /** What a user may do whose connection is not open yet: for connection.open. */
  of(user: AuthorizedUser, vhost: string): Access {
    return this.#held.get(user)?.get(vhost)?.access ?? new Access(user, vhost, this.#authorizer, this.#onFailure)
  }

  enter(user: AuthorizedUser, vhost: string, holder: AccessHolder): Access {
    let vhosts = this.#held.get(user)
    if (vhosts === undefined) {
      vhosts = new Map()
      this.#held.set(user, vhosts)
    }
    let held = vhosts.get(vhost)
    if (held === undefined) {
      held = { access: this.of(user, vhost), holders: new Set(), cancelRenewal: () => {} }
      vhosts.set(vhost, held)
      this.#renewLater(held)
    }
    held.holders.add(holder)
    return held.access
  }

  leave({ user, vhostName }: Access, holder: AccessHolder): void {
    const vhosts = this.#held.get(user)
    const held = vhosts?.get(vhostName)
    if (vhosts === undefined || held === undefined || !held.holders.delete(holder) || held.holders.size > 0) return
    held.cancelRenewal()
    vhosts.delete(vhostName)
    if (vhosts.size === 0) this.#held.delete(user)
  }

  /** Answers have changed: those about users of this name, in this virtual host, or about all of them. */
  renew(userName?: string, vhostName?: string): void {
    this.renewals++
    const meant: Held[] = []
    for (const [user, vhosts] of this.#held) {
      if (userName !== undefined && user.name !== userName) continue
      for (const [vhost, held] of vhosts) if (vhostName === undefined || vhost === vhostName) meant.push(held)
    }
    for (const held of meant) this.#renew(held)
  }

  /** Answers about one user in one virtual host have changed. */
  renewOne({ user, vhostName }: Access): void {
    const held = this.#held.get(user)?.get(vhostName)
    if (held !== undefined) this.#renew(held)
  }

  close(): void {
    for (const vhosts of this.#held.values()) for (const { cancelRenewal } of vhosts.values()) cancelRenewal()
    this.#held.clear()
  }

  #renew(held: Held): void {
    held.access.renew()
    for (const holder of [...held.holders]) holder.accessRenewed()
  }

  #renewLater(held: Held): void {
    const { answersTtlMs } = this.#authorizer
    if (answersTtlMs === undefined) return
    held.cancelRenewal = this.#clock.after(answersTtlMs, () => {
      this.#renewLater(held)
      this.#renew(held)
    })
  }
}
