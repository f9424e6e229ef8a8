/** Bytes of the ready messages of all levels: only levels in which something has happened are counted anew when they are asked for. */
import { LevelSet } from './level-set.ts'

interface CountedLog {
  readonly readyBytes: number
}

export class LevelBytes {
  /** By level, as they are in the sum. */
  readonly #known: number[] = []
  readonly #changed: LevelSet
  #sum = 0

  constructor(levels: number) {
    this.#changed = new LevelSet(levels)
  }

  changed(level: number): void {
    this.#changed.add(level)
  }

  sum(levels: readonly (CountedLog | undefined)[]): number {
    const changed = this.#changed
    while (!changed.isEmpty) {
      const level = changed.highest
      changed.remove(level)
      const bytes = levels[level]?.readyBytes ?? 0
      this.#sum += bytes - (this.#known[level] ?? 0)
      while (this.#known.length < level) this.#known.push(0)
      this.#known[level] = bytes
    }
    return this.#sum
  }
}
