/**
 * Entities as they were read, side by side in blocks of bytes: for each an object of a few numbers. There may be hundreds of
 * thousands, and each is looked at once.
 */
import type { StoredEntity } from '../../storage.ts'

const BLOCK_BYTES = 256 * 1024

class PackedEntity implements StoredEntity {
  readonly kind: number
  readonly #block: Buffer
  readonly #start: number
  readonly #keyEnd: number
  readonly #end: number

  constructor(kind: number, block: Buffer, start: number, keyEnd: number, end: number) {
    this.kind = kind
    this.#block = block
    this.#start = start
    this.#keyEnd = keyEnd
    this.#end = end
  }

  get key(): string {
    return this.#block.toString('utf8', this.#start, this.#keyEnd)
  }

  get value(): Buffer {
    return this.#block.subarray(this.#keyEnd, this.#end)
  }
}

export class EntityPacker {
  #block = Buffer.alloc(0)
  #length = 0

  pack(kind: number, key: Buffer, value: Buffer): StoredEntity {
    const bytes = key.length + value.length
    if (this.#length + bytes > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes))
      this.#length = 0
    }
    const start = this.#length
    const keyEnd = start + key.length
    this.#length = keyEnd + value.length
    this.#block.set(key, start)
    this.#block.set(value, keyEnd)
    return new PackedEntity(kind, this.#block, start, keyEnd, this.#length)
  }
}
