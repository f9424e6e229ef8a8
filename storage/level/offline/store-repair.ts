/**
 * Puts a damaged store right: what is damaged goes into the quarantine, what is left is written to the catalogue as one
 * batch, and the log is cut where it makes no sense. Nothing is deleted that was not copied before.
 */
import type { StoredEntity } from '../../storage.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { CatalogueKeys } from '../catalogue/catalogue-keys.ts'
import {
  type CatalogueOperation,
  type LogPosition,
  metaAt,
  putMeta,
  removePage,
} from '../catalogue/catalogue-records.ts'
import type { Files } from '../disk/files.ts'
import type { Page } from '../disk/places.ts'
import { idOf } from '../log/entity-change.ts'
import { LogFiles } from '../log/log-files.ts'
import type { StoredSegment } from '../log/stored-segment.ts'
import { Quarantine } from '../recovery/quarantine.ts'
import { removeOthers, stateOperations } from '../recovery/store-state.ts'
import type { Inspection } from './inspection.ts'

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
    const kept = await Quarantine.create(quarantine, catalogue, logs)
    await keep(kept, plan)
    for (const { stored, page, body } of plan.inspection.damagedPages) leaveOut(stored, page, body?.index)
    for (const { file, offset, isTorn } of plan.inspection.ranges) {
      if (!isTorn) continue
      const log = logs.get(file)
      await log?.file.truncate(offset)
      await log?.file.sync()
    }
    // Everything before a new file is in the catalogue then, so that nothing of it is read again.
    logs.storeId = plan.inspection.store.storeId
    const next = await logs.startNext()
    await next.file.sync()
    const position = { file: next.number, offset: next.bytes }
    await catalogue.write(operations(plan, position), true)
    return kept.folder
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
function operations({ inspection, keys, refused, queueIds }: RepairPlan, position: LogPosition): CatalogueOperation[] {
  const { store, forgottenPages } = inspection
  const refusedIds = new Set(refused.map(idOf))
  const entities = [...store.entities].filter((entity) => !refusedIds.has(idOf(entity)))
  const queues = [...store.queues].filter(([queue]) => queueIds.has(queue))
  const nextQueueId = [...queueIds].reduce((next, id) => Math.max(next, id + 1), store.nextQueueId)
  const nextPageId = keys.pageIds.reduce((next, id) => Math.max(next, id + 1), store.nextPageId)
  const puts = [...stateOperations(entities, queues), putMeta(metaAt(position, { ...store, nextQueueId, nextPageId }))]
  const there = [...keys.stateKeys, ...keys.foreign.map(({ key }) => key)]
  return [...removeOthers(there, puts), ...forgottenPages.map(removePage), ...puts]
}

async function keep(quarantine: Quarantine, plan: RepairPlan): Promise<void> {
  const { inspection, keys, refused, queueIds, problems } = plan
  await quarantine.keepText('problems.txt', problems)
  for (const { file, offset, bytes } of inspection.ranges) {
    await quarantine.keep(file, { offset, bytes }, `log-${file}-at-${offset}`)
  }
  for (const { queue, stored, page, body } of inspection.damagedPages) {
    const name = `queue-${queue}-segment-${stored.sequence}-message-${body?.index ?? page.first}`
    if (body === undefined) await quarantine.keep(page.file, page, name)
    else await quarantine.keep(page.file, body, `${name}-body`)
  }
  for (const [queue, { segments }] of inspection.store.queues) {
    if (!queueIds.has(queue)) await quarantine.keepQueue(queue, segments.values())
  }
  await quarantine.keepEntities(refused)
  await quarantine.keepRecords(keys.foreign)
  await quarantine.sync()
}
