/** The commands that work on a store while no broker uses it. */
import type { Argv, CommandModule } from 'yargs'
import { givenFlags, optionFlags } from './option-flags.ts'
import type { ServeContext } from './serve.ts'
import type { StoreCommandContext } from './store-command-context.ts'

type Parsed = Readonly<Record<string, unknown>>

/** `onExit` is told the exit code. */
export function storeCommands(context: ServeContext, onExit: (code: number) => void): CommandModule[] {
  const run = (work: (parsed: Parsed, store: StoreCommandContext) => Promise<number>) => async (parsed: Parsed) => {
    const { withStoreContext } = await import('./store-command-context.ts')
    onExit(await withStoreContext(givenFlags(parsed), context, (store) => work(parsed, store)))
  }
  return [
    {
      command: 'check',
      describe: 'look for damage in a stored broker that is not running',
      builder: (yargs) =>
        withStoreOptions(yargs)
          .option('repair', {
            type: 'boolean',
            describe: 'put right what can be; what is damaged goes into quarantine/',
          })
          .option('json', { type: 'boolean', describe: 'print the result as one line of JSON' }),
      handler: run(async ({ repair, json }, store) => {
        const { check } = await import('./check.ts')
        return await check({ isRepairing: repair === true, isJson: json === true }, store)
      }),
    },
    {
      command: 'backup',
      describe: 'copy a stored broker that is not running',
      builder: (yargs) =>
        withStoreOptions(yargs).option('to', {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          describe: 'a new file, when the name ends with .tar, or a new folder',
        }),
      handler: run(async ({ to }, store) => {
        const { backup } = await import('./backup.ts')
        return await backup(String(to), store)
      }),
    },
    {
      command: 'restore',
      describe: 'make a stored broker again from a copy',
      builder: (yargs) =>
        withStoreOptions(yargs).option('from', {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          describe: 'what the command backup has made',
        }),
      handler: run(async ({ from }, store) => {
        const { restore } = await import('./restore.ts')
        return await restore(String(from), store)
      }),
    },
  ]
}

function withStoreOptions(yargs: Argv): Argv {
  const { 'data-dir': dataDir, config } = optionFlags()
  return yargs.options({ ...(dataDir && { 'data-dir': dataDir }), ...(config && { config }) })
}
