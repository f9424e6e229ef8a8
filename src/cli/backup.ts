import { backupStore } from '../../storage/level/offline/backup.ts'
import { checkEntities } from './check-entities.ts'
import { ExitCode } from './exit-code.ts'
import { sizeText } from './size-text.ts'
import type { StoreCommandContext } from './store-command-context.ts'

/** Fails when the store is damaged; the backup is made all the same. */
export async function backup(to: string, store: StoreCommandContext): Promise<number> {
  const { report, files, bytes } = await backupStore(store.folder, to, { checkEntities, onProgress: store.progress })
  store.printLine(`${to} has ${report.inspection.messages} messages: ${files} files, ${sizeText(bytes)}`)
  if (report.problems.length === 0) return ExitCode.done
  for (const problem of report.problems) store.printError(problem)
  store.printError(
    `the store is damaged, and so is its copy: 'leveret check --data-dir ${store.folder} --repair' puts right what can be`,
  )
  return ExitCode.failure
}
