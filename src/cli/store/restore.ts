import { restoreStore } from '../../../storage/level/offline/restore.ts'
import { ExitCode } from '../exit-code.ts'
import { sizeText } from '../size-text.ts'
import type { StoreCommandContext } from './store-command-context.ts'

export async function restore(from: string, { folder, progress, printLine }: StoreCommandContext): Promise<number> {
  const bytes = await restoreStore(from, folder, progress)
  printLine(`${folder} is restored from ${from}: ${sizeText(bytes)}`)
  return ExitCode.done
}
