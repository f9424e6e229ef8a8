/**
 * The kinds of entities that a storage keeps. A kind belongs to the code that registers it, which says how one of its entities is
 * made again. Kinds are restored in the order in which they were registered: what an entity refers to is registered
 * first, so that it is there.
 */
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
  readonly #storage: Storage
  readonly #kinds = new Map<number, EntityKind>()
  readonly #staged = new StagedEntities()
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
      isStaged: (key) => this.#staged.has(idOf(kind.number, JSON.stringify(key))),
    }
  }

  /** Whether an entity of this kind that cannot be made again may go. A kind that is not registered stays: another version may know it. */
  mayGo(kind: number): boolean {
    const known = this.#kinds.get(kind)
    return known !== undefined && known.staysWhenRefused !== true
  }

  /** Makes everything again that can be. */
  restore(entities: readonly StoredEntity[]): RestoredEntities {
    const counts = new Map<string, number>()
    const refused: StoredEntity[] = []
    const problems: string[] = []
    const refuse = (entity: StoredEntity, name: string, reason: unknown): void => {
      refused.push(entity)
      problems.push(`${name} ${entity.key} is left out: ${reason instanceof Error ? reason.message : String(reason)}`)
    }
    const byKind = groupedByKind(entities)
    for (const kind of this.#kinds.values()) {
      let count = 0
      for (const entity of byKind.get(kind.number) ?? []) {
        try {
          const key = keyOf(entity)
          this.#restoring = { kind: kind.number, key }
          kind.restore(key, entity.value)
          count++
        } catch (error) {
          refuse(entity, kind.name, error)
        }
      }
      if (count > 0) counts.set(kind.name, count)
    }
    for (const [kind, others] of byKind) {
      if (this.#kinds.has(kind)) continue
      for (const entity of others) refuse(entity, `entity of kind ${kind}`, 'this version does not know its kind')
    }
    this.#restoring = undefined
    return { counts, refused, problems }
  }

  #put(kind: EntityKind, parts: readonly string[], encode: () => Uint8Array): void {
    if (!this.#storage.isDurable || this.#isRestoring(kind.number, parts)) return
    const journal = this.#journalOf(kind, parts)
    const key = JSON.stringify(parts)
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

  #remove(kind: EntityKind, parts: readonly string[]): void {
    if (!this.#storage.isDurable) return
    const journal = this.#journalOf(kind, parts)
    const key = JSON.stringify(parts)
    journal.remove(kind.number, key)
    this.#staged.add(journal, idOf(kind.number, key), key.length)
  }
}

function groupedByKind(entities: readonly StoredEntity[]): Map<number, StoredEntity[]> {
  const byKind = new Map<number, StoredEntity[]>()
  for (const entity of entities) {
    const others = byKind.get(entity.kind)
    if (others === undefined) byKind.set(entity.kind, [entity])
    else others.push(entity)
  }
  return byKind
}

function idOf(kind: number, key: string): string {
  return `${kind} ${key}`
}

function keyOf({ key }: StoredEntity): readonly string[] {
  let parts: unknown
  try {
    parts = JSON.parse(key)
  } catch {
    // it is no list either
  }
  if (Array.isArray(parts) && parts.every((part) => typeof part === 'string')) return parts
  throw new Error('its key makes no sense')
}
