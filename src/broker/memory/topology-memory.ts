/**
 * Counts what queues, exchanges, bindings, consumers and channels take, and says when there is no room for more of them. They are on
 * V8's heap, which has a limit of its own: V8 ends the process when it is reached, so clients must not get that far.
 */
import type { EntityCounts } from '../limits/node-limits.ts'
import type { MemoryAlarm } from './memory-alarm.ts'

/** Of the heap's limit, so much is for the program. */
const RESERVED_BYTES = 16 * 1024 * 1024
/** Share of the rest that all of them may take; the storage has what is to become durable on the heap for a while, too. */
const SHARE_MAX = 0.35
/** Small ones may take more, so that clients can go on working when others have used the room up. */
const SMALL_SHARE_MAX = 0.5
const SMALL_BYTES = 8 * 1024

export class TopologyMemory {
  readonly #memory: MemoryAlarm
  readonly #roomBytes: number
  /** How many there are of those that have a limit. */
  readonly counts: EntityCounts = { queues: 0, exchanges: 0, bindings: 0 }

  constructor(memory: MemoryAlarm, heapLimitBytes: number) {
    this.#memory = memory
    this.#roomBytes = Math.max(heapLimitBytes - RESERVED_BYTES, heapLimitBytes / 8)
  }

  get bytes(): number {
    return this.#memory.topologyBytes
  }

  /** While memory is short, only small things have room: consumers must be able to start, and free some. */
  hasRoomFor(bytes: number): boolean {
    const isSmall = bytes <= SMALL_BYTES
    if (!isSmall && this.#memory.isActive) return false
    return this.bytes + bytes <= this.#roomBytes * (isSmall ? SMALL_SHARE_MAX : SHARE_MAX)
  }

  add(bytes: number, kind?: keyof EntityCounts): void {
    this.#memory.topologyBytes += bytes
    if (kind !== undefined) this.counts[kind]++
  }

  remove(bytes: number, kind?: keyof EntityCounts): void {
    this.#memory.topologyBytes -= bytes
    if (kind !== undefined) this.counts[kind]--
  }
}
