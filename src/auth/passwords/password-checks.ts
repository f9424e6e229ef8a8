/**
 * Whether passwords are right. A check by scrypt takes a thread of Node's pool, which the storage writes with, and 16 MiB: a few
 * are under way at a time, a bounded number waits, and the addresses they come from take turns.
 *
 * A client that connects again and again with the right password is let in by a keyed digest of it, within microseconds. The key
 * is made when the process starts and never leaves its memory, so the digest is worth nothing elsewhere. A wrong password always
 * takes the long way, whichever user it is for: nothing about a user can be told from the time that a refusal takes.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { addressKey } from '../../lib/address-key.ts'
import { FairQueue } from '../fair-queue.ts'
import { hasDigest, hashOfNoPassword, hasScryptKey, type NewHashing, type PasswordHash } from './password-hash.ts'

/** Node's pool has four threads; the storage needs some of them at any time. */
const AT_ONCE_MAX = 2
const WAITING_MAX = 256
const WAITING_PER_ADDRESS_MAX = 32
const KEY_BYTES = 32

/** `busy`: as many checks wait as may. */
export type PasswordVerdict = 'right' | 'wrong' | 'busy'

export class PasswordChecks {
  /** Of the last right password of each user, bound to the hash that it fits. */
  readonly #digests = new Map<string, Buffer>()
  readonly #key = randomBytes(KEY_BYTES)
  readonly #queue = new FairQueue({
    atOnce: Math.min(AT_ONCE_MAX, Math.max(1, Math.floor(availableParallelism() / 2))),
    waitingMax: WAITING_MAX,
    waitingPerKeyMax: WAITING_PER_ADDRESS_MAX,
  })
  /** What passwords of users that are not there are compared with: it fits none. */
  readonly #hashOfNoUser: PasswordHash

  /** A refusal takes as long as a check by this algorithm. */
  constructor(hashing: NewHashing) {
    this.#hashOfNoUser = hashOfNoPassword(hashing)
  }

  /** `hash` is undefined for a user that is not there, or has no password. */
  check(
    userName: string,
    hash: PasswordHash | undefined,
    password: Buffer,
    peerAddress: string,
  ): Promise<PasswordVerdict> | PasswordVerdict {
    const digest = this.#digest(hash ?? this.#hashOfNoUser, password)
    const known = this.#digests.get(userName)
    if (hash !== undefined && known !== undefined && timingSafeEqual(known, digest)) return 'right'
    const right = (): PasswordVerdict => {
      this.#digests.set(userName, digest)
      return 'right'
    }
    if (hash === undefined) return this.#refusal(this.#hashOfNoUser, password, peerAddress)
    if (hash.algorithm === 'scrypt') {
      const slow = this.#slowly(peerAddress, () => hasScryptKey(hash, password))
      return slow === undefined ? 'busy' : slow.then((isRight) => (isRight ? right() : 'wrong'))
    }
    if (hasDigest(hash, hash.algorithm, password)) return right()
    return this.#refusal(this.#hashOfNoUser, password, peerAddress)
  }

  /** The next log-in with this password is quick. */
  remember(userName: string, hash: PasswordHash, password: Buffer): void {
    this.#digests.set(userName, this.#digest(hash, password))
  }

  forget(userName: string): void {
    this.#digests.delete(userName)
  }

  /** Refuses after the time that a comparison with this hash takes. */
  #refusal(hash: PasswordHash, password: Buffer, peerAddress: string): Promise<PasswordVerdict> | PasswordVerdict {
    if (hash.algorithm !== 'scrypt') {
      hasDigest(hash, hash.algorithm, password)
      return 'wrong'
    }
    return this.#slowly(peerAddress, () => hasScryptKey(hash, password))?.then(() => 'wrong') ?? 'busy'
  }

  #slowly(peerAddress: string, work: () => Promise<boolean>): Promise<boolean> | undefined {
    return this.#queue.run(addressKey(peerAddress), work)
  }

  #digest({ text }: PasswordHash, password: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(text).update('\0').update(password).digest()
  }
}
