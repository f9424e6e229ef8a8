import type { Clock } from '../src/lib/clock.ts'
import type { Journal } from './journal.ts'
import type { QueueLog } from './queue-log.ts'
import type { StorageMemory } from './storage-memory.ts'
import type { StoreFigures } from './store-figures.ts'

/** Something with a name that is kept: a queue, an exchange … The kinds are the broker's. */
export interface StoredEntity {
  readonly kind: number
  readonly key: string
  /** The names that the key is made of, from a storage that can tell them faster than they are found in the key. */
  readonly keyParts?: readonly string[] | undefined
  readonly value: Uint8Array
}

/** What a storage found when it was opened. */
export interface Recovery {
  /** Walked over more than once. */
  readonly entities: Iterable<StoredEntity>
  /** Messages that are not settled. */
  readonly messages: number
  /** Bytes of commits that were not finished, and never confirmed. */
  readonly tornBytes: number
  /** Damaged places that were left out. */
  readonly quarantined: number
  /** What was damaged, one sentence each. */
  readonly problems: readonly string[]
  readonly durationMs: number
}

export const NOTHING_RECOVERED: Recovery = {
  entities: [],
  messages: 0,
  tornBytes: 0,
  quarantined: 0,
  problems: [],
  durationMs: 0,
}

/** How far a storage is that takes long to open. */
export interface RecoveryProgress {
  /** What is being done, in words that a number can follow: `reading the log`. */
  readonly step: string
  /** Of this step. */
  readonly readBytes: number
  readonly totalBytes: number
}

export interface OpenOptions {
  /** Called while it takes longer than a second, once a second at most. */
  readonly onProgress?: (progress: RecoveryProgress) => void
  /** The time, in place of the system's. */
  readonly clock?: Clock
}

/** Where the messages and entities of one virtual host are kept. */
export interface VhostStorage {
  /** Takes the entities of the virtual host, and commits them with the changes of its queues. */
  readonly journal: Journal
  /** A number for the log of a new durable queue; undefined when nothing is kept. */
  newQueueId(): number | undefined
  /** A log of a queue: with a number, what was kept under it; without, an empty one that is not kept. */
  createQueueLog(queueId?: number): QueueLog
}

/** Where messages and entities are kept, for all virtual hosts. */
export interface Storage {
  /** For logs and statistics: `memory`, `leveldb`. */
  readonly kind: string
  /** Whether anything survives a restart. */
  readonly isDurable: boolean
  /** Bytes of memory that messages take now. */
  readonly bytesInUse: number
  /** Left out by a storage that is taken at its `bytesInUse`. */
  readonly memory?: StorageMemory
  /** Where it keeps things on a disk, and what the disk must have left; left out by a storage that uses none of its own. */
  readonly disk?: { readonly folder: string; readonly freeBytesMin: number }
  /** What it has written; left out by a storage that does not count that. */
  readonly figures?: StoreFigures
  /** For what belongs to no virtual host. */
  readonly journal: Journal
  /** What it keeps for the virtual host of this name, which need not be there yet. Several may share what is underneath. */
  vhost(name: string): VhostStorage
  /** Called once before anything else. When it is open already, it refuses, and goes on as it was. */
  open(options?: OpenOptions): Promise<Recovery>
  /**
   * A copy of all that is safe now, as a tar archive, while the storage goes on. Rejects with Error when it cannot be made now; so
   * does the iteration, when it cannot be completed. Left out by a storage that cannot be copied.
   */
  backup?(): Promise<AsyncIterable<Uint8Array>>
  /** Called once, when the broker uses it no more. What is staged is committed first. */
  close(): Promise<void>
  /**
   * Called after the known queues have their logs: drops what is left, and entities that the broker could not make again.
   * Returns of how many queues messages were left.
   */
  dropUnclaimed(refused?: readonly StoredEntity[]): number
}
