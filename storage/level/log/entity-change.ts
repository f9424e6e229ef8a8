import type { StoredEntity } from '../../storage.ts'

/** What became of an entity: the log tells it, the catalogue and the copy of the entities follow. */
export interface EntityChange {
  readonly kind: number
  readonly key: Buffer
  /** Undefined removes it. */
  readonly value: Buffer | undefined
}

/** Of an entity among all others, in tables. */
export function entityId(kind: number, key: Buffer): string {
  return `${kind}:${key.toString('latin1')}`
}

export function idOf({ kind, key }: StoredEntity): string {
  return entityId(kind, Buffer.from(key))
}
