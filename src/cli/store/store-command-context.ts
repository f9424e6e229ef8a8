import type { OptionName } from '../../../config/options.ts'
import type { CommandContext } from '../command-context.ts'
import type { BrokerClient } from '../ctl/broker-client.ts'
import { ExitCode } from '../exit-code.ts'
import { readConfig } from '../read-config.ts'
import { commandFailure } from './store-failure.ts'

/** What a command that works on a stored broker is given. */
export interface StoreCommandContext {
  /** The folder of the store. */
  readonly folder: string
  printLine(text: string): void
  printError(text: string): void
  /** The broker that has the store. Throws CtlFailure when it cannot be asked. */
  runningBroker(): Promise<BrokerClient>
  /** Says how far long work is, but not more often than every two seconds. */
  progress(text: string): void
}

const PROGRESS_MS = 2000
/** A broker that runs answers within so long. */
const ANSWER_MS = 60_000

/** Finds the folder as `serve` would, and turns what is thrown into a sentence and an exit code. */
export async function withStoreContext(
  flags: ReadonlyMap<OptionName, string>,
  context: CommandContext,
  work: (store: StoreCommandContext) => Promise<number>,
): Promise<number> {
  const resolution = readConfig(flags, context.environment)
  if (!resolution.isValid) {
    for (const text of resolution.errors) context.printError(`leveret: ${text}`)
    return ExitCode.usage
  }
  let saidAtMs = performance.now()
  try {
    return await work({
      folder: resolution.config.dataDir,
      async runningBroker() {
        const { socketTarget } = await import('../ctl/target.ts')
        const { BrokerClient } = await import('../ctl/broker-client.ts')
        // It has a store, whatever this command was told of storage.
        const target = socketTarget({ ...resolution.config, storage: 'leveldb' }, context.environment, true)
        return new BrokerClient(target, ANSWER_MS)
      },
      printLine: (text) => context.printLine(text),
      printError: (text) => context.printError(`leveret: ${text}`),
      progress(text) {
        if (performance.now() - saidAtMs < PROGRESS_MS) return
        saidAtMs = performance.now()
        context.printError(text)
      },
    })
  } catch (error) {
    context.printError(`leveret: ${commandFailure(error)}`)
    return ExitCode.storage
  }
}
