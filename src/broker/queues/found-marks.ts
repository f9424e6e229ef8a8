/**
 * The marks that an earlier life has left (`RetryMarks`), by the segments of their messages: the oldest segment first, and of each
 * segment the oldest mark. They may be very many, so that nothing goes through all of them at once.
 */
import type { HeldMemory } from '../memory/memory-alarm.ts'
import type { RetryMark } from './retry-marks.ts'

/** What one takes in memory. */
const MARK_BYTES = 96

export class FoundMarks {
  /** How many are left. */
  count = 0
  readonly #marks = new Map<number, RetryMark[]>()
  /** Of these, the messages had been purged, and had not left yet when the broker stopped. */
  readonly #purged = new Map<number, number>()
  /** The segments, the oldest one last; known once the first mark is asked for. */
  #sequences: number[] | undefined
  /** The place of the next mark among those of its segment. */
  #at = 0
  #memory: HeldMemory | undefined

  add(mark: RetryMark): void {
    this.count++
    const others = this.#marks.get(mark.sequence)
    if (others === undefined) this.#marks.set(mark.sequence, [mark])
    else others.push(mark)
  }

  /** All have been found: those that are left are counted there from now on. */
  countIn(memory: HeldMemory): void {
    this.#memory = memory
    memory.heldBytes += this.count * MARK_BYTES
  }

  /** The messages of all marks that were added by now were purged. */
  purgeAll(): void {
    for (const [sequence, marks] of this.#marks) this.#purged.set(sequence, marks.length)
  }

  /** The mark that is the next one; undefined when there is none. */
  get next(): RetryMark | undefined {
    const sequence = this.#nextSequence()
    return sequence === undefined ? undefined : this.#marks.get(sequence)?.[this.#at]
  }

  /** Whether the message of the next one was purged. */
  get isNextPurged(): boolean {
    const sequence = this.#nextSequence()
    return sequence !== undefined && this.#at < (this.#purged.get(sequence) ?? 0)
  }

  /** The next one is done with. */
  pass(): void {
    this.#at++
    this.count--
    if (this.#memory !== undefined) this.#memory.heldBytes -= MARK_BYTES
  }

  /** Those that are left are not needed. */
  clear(): void {
    if (this.#memory !== undefined) this.#memory.heldBytes -= this.count * MARK_BYTES
    this.count = 0
    this.#marks.clear()
    this.#sequences = []
  }

  #nextSequence(): number | undefined {
    this.#sequences ??= [...this.#marks.keys()].sort((a, b) => b - a)
    const sequence = this.#sequences.at(-1)
    if (sequence === undefined || this.#at < (this.#marks.get(sequence)?.length ?? 0)) return sequence
    this.#marks.delete(sequence)
    this.#sequences.pop()
    this.#at = 0
    return this.#sequences.at(-1)
  }
}
