/** Which entries with pages and bodies the catalogue has, which of them are shared, and how much room they take. */
import type { Page } from '../disk/places.ts'

/** The entries that a page in the catalogue has: its own, and those of its bodies. */
export function entriesOf({ offset, bodies }: Page): number[] {
  return [offset, ...bodies.map((body) => body.offset)]
}

export class EntryUse {
  /** Bytes of the entries that are needed. */
  liveBytes = 0
  /** Bytes of entries that were removed and may still take room. */
  garbageBytes = 0
  readonly #bytes = new Map<number, number>()
  /** How many messages have the same body, by the number of its entry: of those that more than one has. */
  readonly #sharers = new Map<number, number>()
  #unneeded: number[] = []

  /** A page that is in the catalogue, at the start. */
  found({ offset, bytes, bodies }: Page): void {
    this.written(offset, bytes)
    for (const body of bodies) {
      if (this.isNeeded(body.offset)) this.share(body.offset)
      else this.written(body.offset, body.bytes)
    }
  }

  isNeeded(id: number): boolean {
    return this.#bytes.has(id)
  }

  /** One more message has the body with this number. */
  share(id: number): void {
    this.#sharers.set(id, (this.#sharers.get(id) ?? 1) + 1)
  }

  /** A page in the catalogue is needed no more, and neither are its bodies, as far as it goes. */
  unneeded(page: Page): void {
    for (const entry of entriesOf(page)) this.#unneeded.push(entry)
  }

  /** The same of an entry that a restart has found; one that others have may be needed still. */
  foundUnneeded(id: number): void {
    if (!this.isNeeded(id)) this.#unneeded.push(id)
  }

  get hasUnneeded(): boolean {
    return this.#unneeded.length > 0
  }

  /** The entries that are to be removed: nothing needs them any more. */
  takeUnneeded(): number[] {
    const unneeded = this.#unneeded
    this.#unneeded = []
    return unneeded.filter((id) => this.#giveUp(id))
  }

  /** One message less has the page or body with this number. True when it was the last. */
  #giveUp(id: number): boolean {
    const left = (this.#sharers.get(id) ?? 1) - 1
    if (left > 1) this.#sharers.set(id, left)
    else this.#sharers.delete(id)
    return left === 0
  }

  written(id: number, bytes: number): void {
    this.removed(id)
    this.#bytes.set(id, bytes)
    this.liveBytes += bytes
  }

  removed(id: number): void {
    const bytes = this.#bytes.get(id) ?? 0
    this.#bytes.delete(id)
    this.liveBytes -= bytes
    this.garbageBytes += bytes
  }
}
