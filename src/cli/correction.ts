/** The flag or command that was probably meant by a mistyped one. */
import { flagName, OPTION_NAMES } from '../../config/options.ts'
import { nearest } from '../lib/nearest.ts'
import { COMMANDS } from './commands.ts'

const EVERYWHERE: readonly string[] = ['help', 'version']

/** The end of the sentence in which yargs complains: `; did you mean --port?`, or nothing. */
export async function correction(message: string, args: readonly string[]): Promise<string> {
  const unknown = /^Unknown (?:arguments?|commands?): (?<names>.+)$/.exec(message)?.groups?.names?.split(', ') ?? []
  const command = args.find((arg) => COMMANDS.includes(arg)) ?? 'serve'
  const flags = [...(await flagsOf(command)), ...EVERYWHERE]
  const meant = unknown.flatMap((name) => {
    const isFlag = args.some((arg) => /^-/.test(arg) && arg.replace(/^--?/, '').replace(/=.*$/s, '') === name)
    const alike = nearest(name, isFlag ? flags : COMMANDS)
    return alike === undefined ? [] : [isFlag ? `--${alike}` : alike]
  })
  return meant.length === 0 ? '' : `; did you mean ${[...new Set(meant)].join(' and ')}?`
}

async function flagsOf(command: string): Promise<readonly string[]> {
  if (command === 'serve') return OPTION_NAMES.map(flagName)
  if (command === 'ctl') return (await import('./ctl/ctl-command.ts')).CTL_FLAGS
  if (command === 'completion') return []
  if (command === 'hash-password') return ['algorithm']
  if (command !== 'perf') return (await import('./store/store-commands.ts')).storeFlags(command) ?? []
  const options = await import('../perf/options.ts')
  return Object.keys(options.PERF_OPTIONS).map(options.flagName)
}
