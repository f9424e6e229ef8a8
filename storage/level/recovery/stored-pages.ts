/** Where the pages of a store are read from that is open: log files, and those that have moved into the catalogue. */
import type { PageSource } from '../log/page-reader.ts'
import type { OpenStore } from './open-store.ts'

export class StoredPages implements PageSource {
  readonly #store: OpenStore

  constructor(store: OpenStore) {
    this.#store = store
  }

  async read(file: number, buffer: Buffer, offset: number): Promise<boolean> {
    if (file !== 0) return this.#store.logs.read(file, buffer, offset)
    copyEntry(await this.#store.catalogue.page(offset), buffer, offset)
    return true
  }
}

function copyEntry(entry: Buffer | undefined, buffer: Buffer, id: number): void {
  if (entry === undefined || entry.length !== buffer.length)
    throw new RangeError(`catalogue entry ${id} is missing or damaged`)
  buffer.set(entry)
}
