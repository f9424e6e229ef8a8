/** What a start leaves out goes into the quarantine before the store forgets it. What cannot be put there stays: the next start tries again. */
import type { StoredEntity } from '../../storage.ts'
import { reasonOf } from '../catalogue/catalogue-repair.ts'
import type { QueueRecorder } from '../log/queue-recorder.ts'
import type { OpenStore } from './open-store.ts'
import { keepRefusedEntities } from './quarantine.ts'

type Tell = (text: string) => void

/** Whether the entities are in the quarantine, and may be removed. */
export function quarantineEntities(store: OpenStore, refused: readonly StoredEntity[], onDamage: Tell): boolean {
  try {
    keepRefusedEntities(store.quarantine, refused)
    return true
  } catch (error) {
    onDamage(`entities could not be put into the quarantine, and stay: ${reasonOf(error)}`)
    return false
  }
}

/** Puts the messages of these queues into the quarantine, and has the journal forget them then. */
export async function quarantineQueues(
  store: OpenStore,
  recorders: readonly QueueRecorder[],
  journal: { queueDeleted(recorder: QueueRecorder): void },
  onDamage: Tell,
): Promise<void> {
  try {
    const quarantine = await store.newQuarantine()
    for (const { queueId, segments } of recorders) await quarantine.keepQueue(queueId, segments.values())
    await quarantine.sync()
    for (const recorder of recorders) journal.queueDeleted(recorder)
  } catch (error) {
    onDamage(`messages of unknown queues could not be put into the quarantine: ${reasonOf(error)}`)
  }
}
