/** Names that very many have in common: equal ones share one text. */

/** So many are remembered at a time. */
const REMEMBERED_MAX = 1024

export class SharedNames {
  readonly #names = new Map<string, string>()
  #last = ''

  /** This name, or an equal one that another has. */
  of(name: string | undefined): string | undefined {
    if (name === undefined) return undefined
    if (name === this.#last) return this.#last
    const known = this.#names.get(name)
    if (known === undefined) {
      if (this.#names.size === REMEMBERED_MAX) this.#names.clear()
      this.#names.set(name, name)
    }
    this.#last = known ?? name
    return this.#last
  }
}
