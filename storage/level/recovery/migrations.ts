/**
 * The format of a store has a version, which the catalogue tells. A newer one than this program knows is refused before
 * anything is written. An older one is brought up to date when it is opened, version by version; each step is one synced
 * batch that has the new version in it, so a step that was interrupted has not happened. Log files are not rewritten:
 * each tells its own version, and goes as they all go.
 */
import {
  CATALOGUE_VERSION,
  type Catalogue,
  type CatalogueMeta,
  type CatalogueOperation,
  putMeta,
} from '../catalogue/catalogue.ts'

/** What has to be changed in a catalogue for the next version. */
export type Migration = (catalogue: Catalogue) => Promise<readonly CatalogueOperation[]>

/** By the version they start from. Version 1 was the first one, and nothing has changed since. */
const MIGRATIONS: ReadonlyMap<number, Migration> = new Map()

/** The store has a format that this program does not know. */
class StoreVersionError extends Error {
  constructor(what: string, version: number, known: number) {
    const remedy = version > known ? `reads up to ${known}: use a newer one` : 'does not know it any more'
    super(`the ${what} was written in format version ${version}; this version of Leveret ${remedy}`)
    this.name = 'StoreVersionError'
  }
}

/** Resolves to what the catalogue says of itself then. Throws StoreVersionError, before it has changed anything. */
export async function migrate(
  catalogue: Catalogue,
  meta: CatalogueMeta,
  migrations = MIGRATIONS,
  current: number = CATALOGUE_VERSION,
): Promise<CatalogueMeta> {
  for (let version = meta.version; version !== current; version++) {
    if (version > current || !migrations.has(version)) throw new StoreVersionError('catalogue', meta.version, current)
  }
  let migrated = meta
  for (let version = meta.version; version < current; version++) {
    const operations = (await migrations.get(version)?.(catalogue)) ?? []
    migrated = { ...migrated, version: version + 1 }
    await catalogue.write([...operations, putMeta(migrated)], true)
  }
  return migrated
}
