/**
 * The kinds of entities that a storage keeps. A kind belongs to the code that registers it, which says how one of its entities is
 * made again. Kinds are restored in the order in which they were registered: what an entity refers to is registered
 * first, so that it is there.
 */
import { keyOf, keyText } from './entity-key.ts'
import type { Journal } from './journal.ts'
import { StagedEntities } from './staged-entities.ts'
import type { Storage, StoredEntity } from './storage.ts'

export interface EntityKind {
  /** Its number on disk: never one that another kind has, or had. */
  readonly number: number
  /** For reports. */
  readonly name: string
  /** One that makes no sense stays in the storage all the same: without it, more would be allowed than before. */
  readonly staysWhenRefused?: boolean
  /** What makes an entity with this key durable; the journal of the storage if it is left out. */
  journal?(key: readonly string[]): Journal
  /** Makes an entity again. Throws when it makes no sense: it is left out then, and reported. */
  restore(key: readonly string[], value: Uint8Array): void
}

/** Where the owner of a kind puts its entities. What is put or removed is durable with the next commit. */
export interface EntityRecords {
  /** `encode` is called only when the entity has to be written. */
  put(key: readonly string[], encode: () => Uint8Array): void
  remove(key: readonly string[]): void
  /** Removes those that made no sense to this version and stay all the same, if their keys begin so; whether there were any. */
  removeRefused(keyBegin: readonly string[]): boolean
  /** Whether the entity was put or removed and that is not durable yet. */
  isStaged(key: readonly string[]): boolean
}

/** What was made again, and what could not be. */
export interface RestoredEntities {
  /** Entities that were made again, by the name of their kind. */
  readonly counts: ReadonlyMap<string, number>
  readonly refused: readonly StoredEntity[]
  readonly problems: string[]
}

export class EntityRegistry {
  /** Told of each entity that is put or removed, kept or not; not of those that are made again. */
  onChange: ((kind: string, key: readonly string[], isRemoved: boolean) => void) | undefined
  readonly #storage: Storage
  readonly #kinds = new Map<number, EntityKind>()
  readonly #staged = new StagedEntities()
  /** The keys of those that could not be made again and stay, by their kinds. */
  readonly #kept = new Map<number, (readonly string[])[]>()
  /** What is being made again, and its key. */
  #restoring: { readonly kind: number; readonly key: readonly string[] } | undefined

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Bytes of all changes there ever were: the difference of two looks is what was staged in between. */
  get stagedBytes(): number {
    return this.#staged.bytes
  }

  register(kind: EntityKind): EntityRecords {
    if (this.#kinds.has(kind.number)) throw new RangeError(`two kinds of entities have the number ${kind.number}`)
    this.#kinds.set(kind.number, kind)
    return {
      put: (key, encode) => this.#put(kind, key, encode),
      remove: (key) => this.#remove(kind, key),
      removeRefused: (keyBegin) => this.#removeRefused(kind, keyBegin),
      isStaged: (key) => this.#staged.has(idOf(kind.number, keyText(key))),
    }
  }

  /** Whether an entity of this kind that cannot be made again may go. A kind that is not registered stays: another version may know it. */
  mayGo(kind: number): boolean {
    const known = this.#kinds.get(kind)
    return known !== undefined && known.staysWhenRefused !== true
  }

  /** Makes everything again that can be. */
  restore(entities: Iterable<StoredEntity>): RestoredEntities {
    const counts = new Map<string, number>()
    const refused: StoredEntity[] = []
    const problems: string[] = []
    const refuse = (entity: StoredEntity, name: string, reason: unknown): void => {
      refused.push(entity)
      problems.push(`${name} ${entity.key} is left out: ${reason instanceof Error ? reason.message : String(reason)}`)
    }
    for (const entity of this.#inOrder(entities)) {
      const kind = this.#kinds.get(entity.kind)
      if (kind === undefined) {
        refuse(entity, `entity of kind ${entity.kind}`, 'this version does not know its kind')
        continue
      }
      try {
        const key = keyOf(entity)
        this.#restoring = { kind: kind.number, key }
        kind.restore(key, entity.value)
        counts.set(kind.name, (counts.get(kind.name) ?? 0) + 1)
      } catch (error) {
        refuse(entity, kind.name, error)
        this.#keepRefused(kind)
      }
      this.#restoring = undefined
    }
    return { counts, refused, problems }
  }

  /** Those of the kind that was registered first come first, those of unknown kinds last. They may be in that order already. */
  #inOrder(entities: Iterable<StoredEntity>): Iterable<StoredEntity> {
    const places = new Map([...this.#kinds.keys()].map((kind, place) => [kind, place]))
    const placeOf = (kind: number): number => places.get(kind) ?? places.size + kind
    const runs: number[] = []
    for (const { kind } of entities) if (kind !== runs.at(-1)) runs.push(kind)
    const isInOrder = runs.every((kind, at) => at === 0 || placeOf(runs[at - 1] as number) < placeOf(kind))
    return isInOrder
      ? entities
      : kindByKind(
          entities,
          [...new Set(runs)].sort((a, b) => placeOf(a) - placeOf(b)),
        )
  }

  #put(kind: EntityKind, parts: readonly string[], encode: () => Uint8Array): void {
    if (this.#restoring === undefined) this.onChange?.(kind.name, parts, false)
    if (!this.#storage.isDurable || this.#isRestoring(kind.number, parts)) return
    const journal = this.#journalOf(kind, parts)
    const key = keyText(parts)
    const value = encode()
    journal.put(kind.number, key, value)
    this.#staged.add(journal, idOf(kind.number, key), key.length + value.length)
  }

  #journalOf(kind: EntityKind, key: readonly string[]): Journal {
    return kind.journal?.(key) ?? this.#storage.journal
  }

  /** What is being made again is in the storage already; what it brings along may have been lost. */
  #isRestoring(kind: number, parts: readonly string[]): boolean {
    const restoring = this.#restoring
    if (restoring?.kind !== kind || restoring.key.length !== parts.length) return false
    return parts.every((part, at) => part === restoring.key[at])
  }

  #keepRefused(kind: EntityKind): void {
    // One whose key makes no sense either is not found by it.
    if (kind.staysWhenRefused !== true || this.#restoring === undefined) return
    const keys = this.#kept.get(kind.number) ?? []
    this.#kept.set(kind.number, [...keys, this.#restoring.key])
  }

  #removeRefused(kind: EntityKind, keyBegin: readonly string[]): boolean {
    const keys = this.#kept.get(kind.number) ?? []
    const isMeant = (key: readonly string[]): boolean => keyBegin.every((part, at) => part === key[at])
    const going = keys.filter(isMeant)
    if (going.length === 0) return false
    for (const key of going) this.#remove(kind, key)
    this.#kept.set(
      kind.number,
      keys.filter((key) => !isMeant(key)),
    )
    return true
  }

  #remove(kind: EntityKind, parts: readonly string[]): void {
    if (this.#restoring === undefined) this.onChange?.(kind.name, parts, true)
    if (!this.#storage.isDurable) return
    const journal = this.#journalOf(kind, parts)
    const key = keyText(parts)
    journal.remove(kind.number, key)
    this.#staged.add(journal, idOf(kind.number, key), key.length)
  }
}

/** To walk over all of them for each kind takes less time and memory than to keep them in another order. */
function* kindByKind(entities: Iterable<StoredEntity>, kinds: readonly number[]): Iterable<StoredEntity> {
  for (const kind of kinds) for (const entity of entities) if (entity.kind === kind) yield entity
}

function idOf(kind: number, key: string): string {
  return `${kind} ${key}`
}
