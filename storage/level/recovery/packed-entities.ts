/**
 * The entities of a catalogue, side by side in blocks of bytes, with the numbers that tell where each lies. There may be
 * hundreds of thousands, and each is looked at once: only what is looked at is an object.
 */
import { shortCrc32 } from '../../../src/lib/crc.ts'
import { PlainKeys } from '../../entity-key.ts'
import type { StoredEntity } from '../../storage.ts'
import { type EntityChange, entityId } from '../log/entity-change.ts'

const BLOCK_BYTES = 256 * 1024
/** Numbers of an entity: its kind, its block, and where it begins, where its key ends, and where it ends itself. */
const NUMBERS = 5

class PackedEntity implements StoredEntity {
  readonly kind: number
  readonly #block: Buffer
  readonly #keys: PlainKeys
  readonly #start: number
  readonly #keyEnd: number
  readonly #end: number

  constructor(kind: number, block: Buffer, keys: PlainKeys, start: number, keyEnd: number, end: number) {
    this.kind = kind
    this.#block = block
    this.#keys = keys
    this.#start = start
    this.#keyEnd = keyEnd
    this.#end = end
  }

  get key(): string {
    return this.#block.toString('utf8', this.#start, this.#keyEnd)
  }

  get keyParts(): readonly string[] | undefined {
    return this.#keys.parts(this.#block, this.#start, this.#keyEnd)
  }

  get value(): Buffer {
    return this.#block.subarray(this.#keyEnd, this.#end)
  }
}

export class PackedEntities implements Iterable<StoredEntity> {
  count = 0
  readonly #blocks: Buffer[] = []
  /** Bytes of the last block that are in use. */
  #length = 0
  #numbers = new Uint32Array(256 * NUMBERS)
  readonly #keys = new PlainKeys()

  add(kind: number, key: Buffer, value: Buffer): void {
    const block = this.#blockFor(key.length + value.length)
    const start = this.#length
    const keyEnd = start + key.length
    this.#length = keyEnd + value.length
    block.set(key, start)
    block.set(value, keyEnd)
    const at = this.count * NUMBERS
    if (at === this.#numbers.length) this.#growNumbers()
    const numbers = this.#numbers
    numbers[at] = kind
    numbers[at + 1] = this.#blocks.length - 1
    numbers[at + 2] = start
    numbers[at + 3] = keyEnd
    numbers[at + 4] = this.#length
    this.count++
  }

  /** Those that changed are there as they are now, behind the others, or not at all. */
  apply(changes: ReadonlyMap<string, EntityChange>): void {
    if (changes.size === 0) return
    this.#remove(changes)
    for (const { kind, key, value } of changes.values()) if (value !== undefined) this.add(kind, key, value)
  }

  *[Symbol.iterator](): Iterator<StoredEntity> {
    for (let place = 0; place < this.count; place++) yield this.#at(place)
  }

  #at(place: number): PackedEntity {
    const at = place * NUMBERS
    const numberAt = (offset: number): number => this.#numbers[at + offset] as number
    const block = this.#blocks[numberAt(1)] as Buffer
    return new PackedEntity(numberAt(0), block, this.#keys, numberAt(2), numberAt(3), numberAt(4))
  }

  /** The id of an entity is made only when its hash is one of those that are looked for. */
  #remove(changes: ReadonlyMap<string, EntityChange>): void {
    const numbers = this.#numbers
    const hashes = new Set<number>()
    for (const { kind, key } of changes.values()) hashes.add(shortCrc32(key, 0, key.length, kind))
    let kept = 0
    for (let at = 0; at < this.count * NUMBERS; at += NUMBERS) {
      const kind = numbers[at] as number
      const block = this.#blocks[numbers[at + 1] as number] as Buffer
      const [start, keyEnd] = [numbers[at + 2] as number, numbers[at + 3] as number]
      const mayBeChanged = hashes.has(shortCrc32(block, start, keyEnd, kind))
      if (mayBeChanged && changes.has(entityId(kind, block.subarray(start, keyEnd)))) continue
      numbers.copyWithin(kept * NUMBERS, at, at + NUMBERS)
      kept++
    }
    this.count = kept
  }

  #blockFor(bytes: number): Buffer {
    const last = this.#blocks.at(-1)
    if (last !== undefined && this.#length + bytes <= last.length) return last
    const block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes))
    this.#blocks.push(block)
    this.#length = 0
    return block
  }

  #growNumbers(): void {
    const larger = new Uint32Array(this.#numbers.length * 2)
    larger.set(this.#numbers)
    this.#numbers = larger
  }
}
