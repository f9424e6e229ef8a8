/**
 * How many messages went from one thing to others, by their names: from an exchange to queues, from a channel to exchanges. Of very many
 * others, the one that was heard of first is forgotten.
 */
export class NameCounts {
  readonly #max: number
  /** Most have none. */
  #counts: Map<string, number> | undefined

  constructor(max: number) {
    this.#max = max
  }

  add(name: string, count: number): void {
    this.#counts ??= new Map()
    const before = this.#counts.get(name)
    if (before === undefined && this.#counts.size >= this.#max) {
      this.#counts.delete(this.#counts.keys().next().value as string) // it is full
    }
    this.#counts.set(name, (before ?? 0) + count)
  }

  /** 0 for what is not known. */
  get(name: string): number {
    return this.#counts?.get(name) ?? 0
  }

  /** By name. */
  entries(): Iterable<readonly [name: string, count: number]> {
    return this.#counts ?? []
  }
}
