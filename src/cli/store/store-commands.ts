/** The commands that work on a store while no broker uses it. */
import type { Argv, CommandModule, Options } from 'yargs'
import type { CommandContext } from '../command-context.ts'
import type { StoreCommand } from '../commands.ts'
import { givenFlags, optionFlags } from '../option-flags.ts'
import type { StoreCommandContext } from './store-command-context.ts'

/** What each command takes beside --data-dir and --config. */
const OWN_OPTIONS = {
  check: {
    repair: { type: 'boolean', describe: 'repair what can be repaired; what is damaged goes into quarantine/' },
    json: { type: 'boolean', describe: 'print the result as one line of JSON' },
  },
  backup: {
    to: {
      type: 'string',
      requiresArg: true,
      demandOption: true,
      describe: 'where the copy goes: a new file if the name ends with .tar, else a new folder',
    },
  },
  restore: {
    from: {
      type: 'string',
      requiresArg: true,
      demandOption: true,
      describe: 'the file or folder that leveret backup has made',
    },
  },
} as const satisfies Readonly<Record<StoreCommand, Readonly<Record<string, Options>>>>

type Parsed = Readonly<Record<string, unknown>>

/** `onExit` is told the exit code. */
export function storeCommands(context: CommandContext, onExit: (code: number) => void): CommandModule[] {
  const run = (work: (parsed: Parsed, store: StoreCommandContext) => Promise<number>) => async (parsed: Parsed) => {
    const { withStoreContext } = await import('./store-command-context.ts')
    onExit(await withStoreContext(givenFlags(parsed), context, (store) => work(parsed, store)))
  }
  return [
    {
      command: 'check',
      describe: 'check the store of a stopped broker for damage',
      builder: (yargs) => withStoreOptions(yargs, 'check'),
      handler: run(async ({ repair, json }, store) => {
        const { check } = await import('./check.ts')
        return await check({ isRepairing: repair === true, isJson: json === true }, store)
      }),
    },
    {
      command: 'backup',
      describe: 'copy the store of a broker, running or stopped',
      builder: (yargs) => withStoreOptions(yargs, 'backup'),
      handler: run(async ({ to }, store) => {
        const { backup } = await import('./backup.ts')
        return await backup(String(to), store)
      }),
    },
    {
      command: 'restore',
      describe: 'restore a store from a backup into an empty folder',
      builder: (yargs) => withStoreOptions(yargs, 'restore'),
      handler: run(async ({ from }, store) => {
        const { restore } = await import('./restore.ts')
        return await restore(String(from), store)
      }),
    },
  ]
}

/** The flags of a command that works on a store; undefined when it is none. */
export function storeFlags(command: string): string[] | undefined {
  if (!Object.hasOwn(OWN_OPTIONS, command)) return undefined
  return Object.keys(storeOptions(command as StoreCommand)) // it is one
}

function withStoreOptions(yargs: Argv, command: StoreCommand): Argv {
  return yargs.options(storeOptions(command))
}

function storeOptions(command: StoreCommand): Record<string, Options> {
  const { 'data-dir': dataDir, config } = optionFlags()
  return { ...(dataDir && { 'data-dir': dataDir }), ...(config && { config }), ...OWN_OPTIONS[command] }
}
