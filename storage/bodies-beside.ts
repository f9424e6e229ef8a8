/** Bodies of a segment that are kept by reference, not copied into its block: queues that got the same message share them. */
import type { Block } from '../src/lib/block.ts'

export class BodiesBeside {
  /** Of all bodies that the segment was given, those that are dropped by now, too. */
  givenBytes = 0
  readonly #bodies: (Block | undefined)[] = []

  /** The body of this record; undefined when it is in the block. */
  at(index: number): Block | undefined {
    return this.#bodies[index]
  }

  /**
   * Keeps a body for the record at this index. Returns the bytes of memory this takes: none when another queue keeps the
   * same body already.
   */
  keep(index: number, body: Block): number {
    const bodies = this.#bodies
    while (bodies.length < index) bodies.push(undefined)
    bodies[index] = body
    this.givenBytes += body.size
    if (body.keepers++ > 0) return 0
    body.hold()
    return body.size
  }

  /** Forgets the body of a settled record; the bytes this frees. */
  drop(index: number): number {
    const body = this.#bodies[index]
    if (body === undefined) return 0
    this.#bodies[index] = undefined
    if (--body.keepers > 0) return 0
    body.release()
    return body.size
  }

  /** Forgets all of them; the bytes this frees. */
  dropAll(): number {
    let freed = 0
    for (let index = 0; index < this.#bodies.length; index++) freed += this.drop(index)
    return freed
  }
}
