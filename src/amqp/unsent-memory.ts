/**
 * The memory that output takes until the clients have taken it. A large body is sent from where it lies, to any number of
 * clients: it counts once, whole, for as long as one of them has not taken all of it; and not at all while a queue keeps
 * it, since the storage counts it then.
 */
import type { Block } from '../lib/block.ts'

export class UnsentMemory {
  bytes = 0
  readonly #counted = new Set<Block>()

  /** A block that frames for one client were written to, however little of it they take. */
  add(bytes: number): void {
    this.bytes += bytes
  }

  /** A block that frames refer to. */
  addReferenced(block: Block): void {
    if (block.keepers > 0 || this.#counted.has(block)) return
    this.#counted.add(block)
    this.bytes += block.size
  }
}
