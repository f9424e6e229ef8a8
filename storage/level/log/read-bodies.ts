/** Large bodies that were read back: queues that share one on the disk share it in memory, too, while one of them has it. */
import type { Block } from '../../../src/lib/block.ts'

const SWEEP_MIN = 1024

export class ReadBodies {
  readonly #blocks = new Map<string, WeakRef<Block>>()
  #sweepAt = SWEEP_MIN

  find(file: number, offset: number): Block | undefined {
    return this.#blocks.get(`${file}:${offset}`)?.deref()
  }

  keep(file: number, offset: number, block: Block): void {
    this.#blocks.set(`${file}:${offset}`, new WeakRef(block))
    if (this.#blocks.size < this.#sweepAt) return
    for (const [place, reference] of this.#blocks) if (reference.deref() === undefined) this.#blocks.delete(place)
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#blocks.size)
  }
}
