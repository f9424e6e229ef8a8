/**
 * The entities whose last change is on its way to the disk, commit by commit: who is told of such a change, or that it
 * was made before, has to wait for it.
 */
import type { Journal } from './journal.ts'

/** What an entity takes in memory besides its key and its record, about. */
export const ENTITY_BYTES = 256

/** What is on its way with one commit. */
interface StagedCommit {
  readonly journal: Journal
  readonly number: number
  readonly ids: Set<string>
}

export class StagedEntities {
  /** Bytes of all changes there ever were, in memory rather than on the disk. */
  bytes = 0
  #commits: StagedCommit[] = []

  /** A change was handed to the journal. */
  add(journal: Journal, id: string, bytes: number): void {
    this.bytes += bytes + ENTITY_BYTES
    let commit = this.#commits.at(-1)
    if (commit?.journal !== journal || commit.number !== journal.commitsBegun) {
      commit = { journal, number: journal.commitsBegun, ids: new Set() }
      this.#await(commit)
    }
    commit.ids.add(id)
  }

  has(id: string): boolean {
    for (const { ids } of this.#commits) if (ids.has(id)) return true
    return false
  }

  #await(commit: StagedCommit): void {
    this.#commits.push(commit)
    commit.journal.whenDurable(() => {
      this.#commits = this.#commits.filter((other) => other !== commit)
    })
  }
}
