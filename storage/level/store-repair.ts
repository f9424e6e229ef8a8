/**
 * Puts a damaged store right: what is damaged goes into the quarantine, what is left is written to the catalogue as one
 * batch, and the log is cut where it makes no sense. Nothing is deleted that was not copied before.
 */
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredEntity } from '../storage.ts'
import type { Page, StoredSegment } from '../stored-segment.ts'
import {
  CATALOGUE_VERSION,
  type Catalogue,
  type CatalogueOperation,
  entityId,
  putCursor,
  putEntity,
  putMeta,
  putSegment,
  removePage,
} from './catalogue.ts'
import type { CatalogueKeys } from './catalogue-keys.ts'
import { freePlace } from './catalogue-repair.ts'
import type { Files } from './files.ts'
import type { Inspection } from './inspection.ts'
import { LogFiles } from './log-files.ts'
import type { RecoveredQueue } from './recovery.ts'

export interface RepairPlan {
  readonly inspection: Inspection
  readonly keys: CatalogueKeys
  /** Entities to leave out. */
  readonly refused: readonly StoredEntity[]
  /** Numbers of the queues that there are; messages of others go. */
  readonly queueIds: ReadonlySet<number>
  /** Everything that is wrong, for the report in the quarantine. */
  readonly problems: readonly string[]
}

/** Resolves to the folder in the quarantine that has what was taken out. */
export async function repairStore(
  catalogue: Catalogue,
  files: Files,
  quarantine: string,
  plan: RepairPlan,
): Promise<string> {
  const logs = new LogFiles(files)
  await logs.open()
  try {
    const kept = await freePlace(quarantine, new Date().toISOString().replaceAll(':', '-'))
    await mkdir(kept)
    await new Quarantine(kept, catalogue, logs).keep(plan)
    for (const { stored, page, body } of plan.inspection.damagedPages) leaveOut(stored, page, body?.index)
    for (const { file, offset, isTorn } of plan.inspection.ranges) {
      if (!isTorn) continue
      const log = logs.get(file)
      await log?.file.truncate(offset)
      await log?.file.sync()
    }
    // Everything before a new file is in the catalogue then, so that nothing of it is read again.
    const next = await logs.startNext()
    await next.file.sync()
    const position = { file: next.number, offset: next.bytes }
    await catalogue.write(operations(plan, position), true)
    return kept
  } finally {
    await logs.close()
  }
}

function leaveOut(stored: StoredSegment, page: Page, bodyOf: number | undefined): void {
  if (bodyOf !== undefined) {
    stored.settle(bodyOf)
    return
  }
  for (let index = page.first; index < page.first + page.count; index++) stored.settle(index)
  stored.pages.splice(stored.pages.indexOf(page), 1)
}

/** The whole state again, as it is now, at this position of the log. */
function operations(plan: RepairPlan, position: { file: number; offset: number }): CatalogueOperation[] {
  const { store, forgottenPages } = plan.inspection
  const refused = new Set(plan.refused.map(({ kind, key }) => entityId(kind, Buffer.from(key))))
  const puts: CatalogueOperation[] = []
  for (const [id, { kind, key, value }] of store.entities) {
    if (!refused.has(id)) puts.push(putEntity(kind, Buffer.from(key), value))
  }
  let nextQueueId = store.nextQueueId
  for (const queue of plan.queueIds) nextQueueId = Math.max(nextQueueId, queue + 1)
  for (const [queue, recovered] of store.queues) {
    if (plan.queueIds.has(queue)) puts.push(...queueOperations(queue, recovered))
  }
  const nextPageId = plan.keys.pageIds.reduce((next, id) => Math.max(next, id + 1), store.nextPageId)
  const kept = new Set(puts.map(({ key }) => key.toString('latin1')))
  const gone = [...plan.keys.stateKeys, ...plan.keys.foreign.map(({ key }) => key)]
    .filter((key) => !kept.has(key.toString('latin1')))
    .map((key): CatalogueOperation => ({ type: 'del', key }))
  return [
    ...gone,
    ...forgottenPages.map(removePage),
    ...puts,
    putMeta({ version: CATALOGUE_VERSION, ...position, nextQueueId, nextPageId, commit: store.lastCommit }),
  ]
}

function queueOperations(queue: number, { segments, cursor }: RecoveredQueue): CatalogueOperation[] {
  const puts: CatalogueOperation[] = []
  for (const { sequence, gathered, settledBits, pages } of segments.values()) {
    if (pages.length > 0) puts.push(putSegment({ queue, sequence, gathered, settled: settledBits, pages }))
  }
  if (cursor !== undefined && puts.length > 0) puts.push(putCursor(queue, cursor.segment, cursor.index))
  return puts
}

/** One folder with copies of what is taken out of the store. */
class Quarantine {
  readonly #folder: string
  readonly #catalogue: Catalogue
  readonly #logs: LogFiles

  constructor(folder: string, catalogue: Catalogue, logs: LogFiles) {
    this.#folder = folder
    this.#catalogue = catalogue
    this.#logs = logs
  }

  async keep({ inspection, keys, refused, queueIds, problems }: RepairPlan): Promise<void> {
    await this.#write('problems.txt', `${problems.join('\n')}\n`)
    for (const { file, offset, bytes } of inspection.ranges) {
      await this.#copy(file, offset, bytes, `log-${file}-at-${offset}`)
    }
    for (const { queue, stored, page, body } of inspection.damagedPages) {
      const name = `queue-${queue}-segment-${stored.sequence}-message-${body?.index ?? page.first}`
      if (body === undefined) await this.#copy(page.file, page.offset, page.bytes, name)
      else await this.#copy(page.file, body.offset, body.bytes, `${name}-body`)
    }
    for (const [queue, { segments }] of inspection.store.queues) {
      if (queueIds.has(queue)) continue
      for (const { sequence, pages } of segments.values()) {
        for (const page of pages) await this.#copyPage(page, `queue-${queue}-segment-${sequence}-message-${page.first}`)
      }
    }
    if (refused.length > 0) await this.#write('entities.jsonl', refused.map(entityLine).join(''))
    if (keys.foreign.length > 0) await this.#write('records.jsonl', keys.foreign.map(recordLine).join(''))
  }

  async #copyPage(page: Page, name: string): Promise<void> {
    await this.#copy(page.file, page.offset, page.bytes, name)
    for (const body of page.bodies) await this.#copy(page.file, body.offset, body.bytes, `${name}-body-${body.index}`)
  }

  /** As much as there is of a piece of the log, or of a catalogue entry. */
  async #copy(file: number, offset: number, bytes: number, name: string): Promise<void> {
    if (file === 0) {
      const entry = await this.#catalogue.page(offset)
      if (entry !== undefined) await this.#write(name, entry)
      return
    }
    const log = this.#logs.get(file)
    if (log === undefined) return
    const there = Math.min(bytes, (await log.file.size()) - offset)
    if (there <= 0) return
    const buffer = Buffer.allocUnsafeSlow(there)
    await log.file.read(buffer, offset)
    await this.#write(name, buffer)
  }

  async #write(name: string, content: string | Uint8Array): Promise<void> {
    const path = join(this.#folder, name)
    await writeFile(path, content)
    const handle = await open(path, 'r+')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

function entityLine({ kind, key, value }: StoredEntity): string {
  return `${JSON.stringify({ kind, key, value: Buffer.from(value).toString('base64') })}\n`
}

function recordLine({ key, value }: { readonly key: Buffer; readonly value: Buffer }): string {
  return `${JSON.stringify({ key: key.toString('hex'), value: value.toString('base64') })}\n`
}
