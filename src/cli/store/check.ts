import { CATALOGUE_VERSION } from '../../../storage/level/catalogue/catalogue-records.ts'
import { LOG_VERSION } from '../../../storage/level/log/log-format.ts'
import { checkStore, repairFolder, type StoreReport } from '../../../storage/level/offline/offline-store.ts'
import { ExitCode } from '../exit-code.ts'
import { sizeText } from '../size-text.ts'
import { checkEntities } from './check-entities.ts'
import type { StoreCommandContext } from './store-command-context.ts'

export interface CheckFlags {
  readonly isRepairing: boolean
  readonly isJson: boolean
}

/** Fails when something was wrong, also when it has been repaired. */
export async function check({ isRepairing, isJson }: CheckFlags, store: StoreCommandContext): Promise<number> {
  const options = { checkEntities, onProgress: store.progress }
  const before = await checkStore(store.folder, options)
  const isDamaged = before.problems.length > 0
  let keptIn: string | undefined
  let left: readonly string[] = before.problems
  if (isRepairing && (isDamaged || before.inspection.forgottenPages.length > 0)) {
    keptIn = await repairFolder(store.folder, options)
    left = (await checkStore(store.folder, options)).problems
  }
  const result: CheckResult = { folder: store.folder, before, keptIn: isDamaged ? keptIn : undefined, left }
  store.printLine(isJson ? json(result) : text(result))
  return isDamaged ? ExitCode.failure : ExitCode.done
}

interface CheckResult {
  readonly folder: string
  readonly before: StoreReport
  /** Where what was damaged is kept, when the store was repaired. */
  readonly keptIn: string | undefined
  /** What is wrong at the end. */
  readonly left: readonly string[]
}

function statusOf({ before, keptIn, left }: CheckResult): 'fine' | 'damaged' | 'repaired' | 'partly-repaired' {
  if (before.problems.length === 0) return 'fine'
  if (keptIn === undefined) return 'damaged'
  return left.length === 0 ? 'repaired' : 'partly-repaired'
}

function json(result: CheckResult): string {
  const { inspection, problems, notes } = result.before
  const { logFiles, logBytes, segments, pages, bodies, messages, lostMessages, store } = inspection
  return JSON.stringify({
    status: statusOf(result),
    folder: result.folder,
    format: { catalogue: CATALOGUE_VERSION, log: LOG_VERSION },
    entities: [...store.entities].length,
    queues: store.queues.size,
    logFiles,
    logBytes,
    segments,
    pages,
    bodies,
    messages,
    lostMessages,
    problems,
    notes,
    quarantine: result.keptIn,
    left: result.keptIn === undefined ? undefined : result.left,
  })
}

function text(result: CheckResult): string {
  const { inspection, problems, notes } = result.before
  const { logFiles, logBytes, segments, pages, bodies, messages, lostMessages, store } = inspection
  const lost = lostMessages === 0 ? '' : `, ${lostMessages} cannot be read`
  return [
    `store in ${result.folder}, format ${CATALOGUE_VERSION}`,
    `  log       ${counted(logFiles, 'file')}, ${sizeText(logBytes)}`,
    `  entities  ${[...store.entities].length}`,
    `  messages  ${messages}${lost}; in ${counted(segments, 'segment')}, ${counted(pages, 'page')}, ${bodies} large bodies`,
    ...notes.map((note) => `note: ${note}`),
    ...problems.map((problem) => `wrong: ${problem}`),
    verdict(result),
  ].join('\n')
}

function verdict(result: CheckResult): string {
  const { before, keptIn, left } = result
  const count = counted(before.problems.length, 'thing')
  switch (statusOf(result)) {
    case 'fine':
      return 'nothing is wrong'
    case 'damaged':
      return `${count} wrong; nothing was changed: --repair puts right what can be`
    case 'repaired':
      return `${count} wrong, and repaired; what was taken out is kept in ${keptIn}`
    case 'partly-repaired':
      return [
        `${count} wrong; what was taken out is kept in ${keptIn}, and this is left:`,
        ...left.map((problem) => `still wrong: ${problem}`),
      ].join('\n')
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
