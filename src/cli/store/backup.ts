import { backupStore } from '../../../storage/level/offline/backup.ts'
import { receiveBackup } from '../../../storage/level/offline/receive-backup.ts'
import { isInUse } from '../../../storage/level/recovery/data-folder.ts'
import type { BrokerClient } from '../ctl/broker-client.ts'
import { CtlFailure } from '../ctl/ctl-failure.ts'
import { ExitCode } from '../exit-code.ts'
import { sizeText } from '../size-text.ts'
import { checkEntities } from './check-entities.ts'
import type { StoreCommandContext } from './store-command-context.ts'

/** A broker that runs copies its own store. Fails when a store that no broker uses is damaged; its backup is made all the same. */
export async function backup(to: string, store: StoreCommandContext): Promise<number> {
  try {
    return await backupOffline(to, store)
  } catch (error) {
    if (!isInUse(error)) throw error
    return await backupOfRunning(to, store, error as Error)
  }
}

async function backupOffline(to: string, store: StoreCommandContext): Promise<number> {
  const { report, files, bytes } = await backupStore(store.folder, to, { checkEntities, onProgress: store.progress })
  store.printLine(`${to} has ${report.inspection.messages} messages: ${files} files, ${sizeText(bytes)}`)
  if (report.problems.length === 0) return ExitCode.done
  for (const problem of report.problems) store.printError(problem)
  store.printError(
    `the store is damaged, and so is its copy: 'leveret check --data-dir ${store.folder} --repair' puts right what can be`,
  )
  return ExitCode.failure
}

async function backupOfRunning(to: string, store: StoreCommandContext, inUse: Error): Promise<number> {
  const broker = await store.runningBroker()
  try {
    const { files, bytes } = await receiveFrom(broker, to, store.progress)
    store.printLine(`${to} has a copy of the store of the running broker: ${files} files, ${sizeText(bytes)}`)
    return ExitCode.done
  } catch (error) {
    if (!(error instanceof CtlFailure)) throw error
    throw new Error(`${inUse.message}, or have it copy its store, which it does not do: ${error.message}`, {
      cause: error,
    })
  }
}

export async function receiveFrom(broker: BrokerClient, to: string, onProgress?: (text: string) => void) {
  return await receiveBackup(async () => await broker.stream('POST', '/control/backup'), to, onProgress)
}
