/** Which entries with pages and bodies the catalogue has, which of them are shared, and how much room they take. */
import type { Page } from '../log/stored-segment.ts'

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

  /** One message less has the page or body with this number. True when it was the last: the entry is to be removed. */
  letGo(id: number): boolean {
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
