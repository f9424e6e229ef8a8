/**
 * The entities whose last change is on its way to the disk, commit by commit: who is told of such a change, or that it
 * was made before, has to wait for it.
 */
import type { Journal } from './journal.ts'

/** What an entity takes in memory besides its key and its record, about. */
export const ENTITY_BYTES = 256

interface Batch {
  readonly journal: Journal
  readonly number: number
  readonly ids: Set<string>
}

export class StagedEntities {
  /** Bytes of all changes there ever were, in memory rather than on the disk. */
  bytes = 0
  #batches: Batch[] = []

  /** A change was handed to the journal. */
  add(journal: Journal, id: string, bytes: number): void {
    this.bytes += bytes + ENTITY_BYTES
    let batch = this.#batches.at(-1)
    if (batch?.journal !== journal || batch.number !== journal.batch) {
      batch = { journal, number: journal.batch, ids: new Set() }
      this.#await(batch)
    }
    batch.ids.add(id)
  }

  has(id: string): boolean {
    for (const { ids } of this.#batches) if (ids.has(id)) return true
    return false
  }

  #await(batch: Batch): void {
    this.#batches.push(batch)
    batch.journal.whenDurable(() => {
      this.#batches = this.#batches.filter((other) => other !== batch)
    })
  }
}
