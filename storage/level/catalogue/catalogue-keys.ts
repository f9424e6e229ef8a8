/** Walks over everything in a catalogue, and finds what the store would not look at: foreign and forgotten records. */
import type { ClassicLevel } from 'classic-level'
import { isIntact, RecordKind } from './catalogue-records.ts'
import { levelDb } from './leveldb.ts'

export interface CatalogueKeys {
  /** Numbers of the entries that hold pages and bodies. */
  readonly pageIds: readonly number[]
  /** Keys of entities, segments and cursors. */
  readonly stateKeys: readonly Buffer[]
  /** Records that this store has not written, and damaged ones. */
  readonly foreign: readonly { readonly key: Buffer; readonly value: Buffer }[]
  readonly hasMeta: boolean
}

/** The lengths of keys by their kind. Names of entities may be of any length. */
const KEY_BYTES: ReadonlyMap<number, number | undefined> = new Map([
  [RecordKind.meta, 1],
  [RecordKind.entity, undefined],
  [RecordKind.segment, 13],
  [RecordKind.cursor, 7],
  [RecordKind.page, 7],
])

/** Rejects with LevelDB's error when something in it cannot be read. */
export async function catalogueKeys(folder: string): Promise<CatalogueKeys> {
  const LevelDb = await levelDb()
  const database: ClassicLevel<Buffer, Buffer> = new LevelDb(folder, {
    createIfMissing: false,
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  })
  await database.open()
  try {
    const pageIds: number[] = []
    const stateKeys: Buffer[] = []
    const foreign: { key: Buffer; value: Buffer }[] = []
    let hasMeta = false
    for await (const [key, value] of database.iterator()) {
      if (!isOurs(key, value)) foreign.push({ key, value })
      else if (key[0] === RecordKind.meta) hasMeta = true
      else if (key[0] === RecordKind.page) pageIds.push(key.readUIntBE(1, 6))
      else stateKeys.push(key)
    }
    return { pageIds, stateKeys, foreign, hasMeta }
  } finally {
    await database.close()
  }
}

function isOurs(key: Buffer, value: Buffer): boolean {
  const kind = key[0] ?? -1
  if (!KEY_BYTES.has(kind)) return false
  const keyBytes = KEY_BYTES.get(kind)
  return (keyBytes === undefined || keyBytes === key.length) && isIntact(key, value)
}
