/** What a store holds, as the records that tell it in the catalogue. */

import type { Recovery, StoredEntity } from '../../storage.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import {
  type CatalogueOperation,
  type LogPosition,
  metaAt,
  putCursor,
  putEntity,
  putMeta,
  putSegment,
  removeCursor,
  removeEntity,
  removePage,
  removeSegment,
} from '../catalogue/catalogue-records.ts'
import { entriesOf } from '../catalogue/entry-use.ts'
import { catalogued } from '../checkpoint/catalogue-update.ts'
import type { Page } from '../disk/places.ts'
import type { RecoveredQueue } from '../log/recovered-queue.ts'
import type { RecoveredStore } from './recovery.ts'

export function stateOperations(
  entities: Iterable<StoredEntity>,
  queues: Iterable<readonly [number, RecoveredQueue]>,
): CatalogueOperation[] {
  const puts: CatalogueOperation[] = []
  for (const { kind, key, value } of entities) puts.push(putEntity(kind, Buffer.from(key), value))
  for (const [queue, { segments, cursor }] of queues) {
    let isEmpty = true
    for (const stored of segments.values()) {
      if (stored.pages.length === 0) continue
      puts.push(putSegment(catalogued(queue, stored)))
      isEmpty = false
    }
    if (cursor !== undefined && !isEmpty) puts.push(putCursor(queue, cursor.segment, cursor.index))
  }
  return puts
}

/** Removes those of the keys that nothing is put under. */
export function removeOthers(keys: Iterable<Buffer>, puts: readonly CatalogueOperation[]): CatalogueOperation[] {
  const kept = new Set(puts.map(({ key }) => key.toString('latin1')))
  return [...keys]
    .filter((key) => !kept.has(key.toString('latin1')))
    .map((key): CatalogueOperation => ({ type: 'del', key }))
}

/**
 * Makes a catalogue whole that was damaged: everything that was found is in it then, and nothing else, so that nothing in
 * front of this position of the log has to be read again.
 */
export async function completeCatalogue(
  catalogue: Catalogue,
  store: RecoveredStore,
  position: LogPosition,
): Promise<void> {
  const needed = new Set<number>()
  for (const page of pagesOf(store)) for (const entry of entriesOf(page)) needed.add(entry)
  const forgotten: CatalogueOperation[] = []
  for await (const id of catalogue.pageIds()) if (!needed.has(id)) forgotten.push(removePage(id))
  const puts = [...stateOperations(store.entities, store.queues), putMeta(metaAt(position, store))]
  const there = [...store.damagedKeys, ...(await stateKeys(catalogue))]
  await catalogue.write([...removeOthers(there, puts), ...forgotten, ...puts], true)
}

/** Also of what the log says is gone: that part of it is not read again. */
async function stateKeys(catalogue: Catalogue): Promise<Buffer[]> {
  const keys: Buffer[] = []
  await catalogue.eachEntity((kind, key) => void keys.push(removeEntity(kind, key).key))
  await catalogue.eachSegment(({ queue, sequence }) => void keys.push(removeSegment(queue, sequence).key))
  await catalogue.eachCursor((queue) => void keys.push(removeCursor(queue).key))
  return keys
}

/** The pages that are in the catalogue. */
export function* pagesOf({ queues }: RecoveredStore): Iterable<Page> {
  for (const { segments } of queues.values()) {
    for (const { pages } of segments.values()) for (const page of pages) if (page.file === 0) yield page
  }
}

/** What is said of it when it is opened. */
export function recoveryOf(store: RecoveredStore, durationMs: number): Recovery {
  let messages = 0
  for (const { segments } of store.queues.values()) {
    for (const stored of segments.values()) {
      for (const page of stored.pages) messages += stored.unsettledIn(page)
    }
  }
  const { tornBytes, quarantined, problems } = store.findings
  return { entities: store.entities, messages, tornBytes, quarantined, problems, durationMs }
}
