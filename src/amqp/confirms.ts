/**
 * Publisher confirms of one channel. Publishes are numbered from 1. Most are safe at once; those that wait for the disk
 * are confirmed when their commit is done; those that a queue refused are told as nacks. All that gathers until the input at hand
 * is used up and is then told in as few answers as possible: commits end in order, so everything up to a number is nearly always
 * safe together. An answer for many stands for all numbers up to its own that were not told yet, so it never goes past one
 * that is to be answered the other way.
 */
import { ACK_FRAME_BYTES, BASIC_ACK, BASIC_NACK, writeSettle } from '../../protocol/basic-fast-path.ts'
import type { Output } from './outbox.ts'

/** Publishes whose last number is `last`, waiting for one commit. */
interface PublishesInCommit {
  readonly commit: number
  readonly first: number
  last: number
}

/** One basic.ack or basic.nack. */
export type Answer = (isAck: boolean, sequence: number, isMultiple: boolean) => void

export class Confirms {
  #published = 0
  /** Everything up to here was told. */
  #told = 0
  #waiting: PublishesInCommit[] = []
  /** Safe at once, but behind one that is waiting: told one by one. */
  #early: number[] = []
  /** Refused and not told yet. */
  #refused: number[] = []

  /** Publishes that are not confirmed yet. */
  get unconfirmedCount(): number {
    return this.#published - this.#told
  }

  get hasNews(): boolean {
    return this.#early.length > 0 || this.#refused.length > 0 || this.#safe() > this.#told
  }

  /** Numbers one more publish that is safe already. */
  add(): void {
    this.#published++
    if (this.#waiting.length > 0) this.#early.push(this.#published)
  }

  /** Numbers one more publish, which a queue refused. */
  addRefused(): void {
    this.#refused.push(++this.#published)
  }

  /** Numbers one more publish that waits for a commit; true when it is the first of this channel to do so. */
  addWaiting(commit: number): boolean {
    this.#published++
    const last = this.#waiting.at(-1)
    if (last?.commit === commit) {
      last.last = this.#published
      return false
    }
    this.#waiting.push({ commit, first: this.#published, last: this.#published })
    return true
  }

  /** The commit that publishes waited for longest is done. */
  committed(): void {
    this.#waiting.shift()
    if (this.#waiting.length === 0) this.#early = []
  }

  /** Calls `answer` for what is safe or refused and was not told yet. */
  tell(answer: Answer): void {
    const safe = this.#safe()
    if (this.#refused.length > 0) this.#tellRefused(safe, answer)
    this.#ackUpTo(safe, answer)
    const early = this.#early
    this.#early = []
    for (const sequence of early) if (sequence > safe) answer(true, sequence, false)
  }

  #tellRefused(safe: number, answer: Answer): void {
    const refused = this.#refused
    this.#refused = []
    for (let i = 0; i < refused.length; i++) {
      const first = refused[i] as number
      let last = first
      while (last < safe && refused[i + 1] === last + 1) last = refused[++i] as number
      if (last <= safe) {
        this.#ackUpTo(first - 1, answer)
        this.#told = last
      }
      answer(false, last, last > first)
    }
  }

  /** What is up to here, and was not told yet, is safe. */
  #ackUpTo(sequence: number, answer: Answer): void {
    if (sequence <= this.#told) return
    answer(true, sequence, sequence - this.#told > 1)
    this.#told = sequence
  }

  /** Everything up to here is safe or refused. */
  #safe(): number {
    const first = this.#waiting[0]
    return first === undefined ? this.#published : first.first - 1
  }
}

/** Answers publishes of a channel: they are safe, or refused. */
export function writeConfirm(
  output: Output,
  channelId: number,
  isAck: boolean,
  sequence: number,
  isMultiple: boolean,
): void {
  const block = output.reserve(ACK_FRAME_BYTES)
  const methodId = isAck ? BASIC_ACK : BASIC_NACK
  output.length = writeSettle(block, output.length, channelId, methodId, sequence, isMultiple ? 1 : 0)
}
