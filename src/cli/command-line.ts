import yargs, { type Argv } from 'yargs'
import { leveretVersion } from '../lib/version.ts'
import type { CommandContext } from './command-context.ts'
import { STORE_COMMANDS } from './commands.ts'
import { markDashed } from './ctl/dashed-arguments.ts'
import { ExitCode } from './exit-code.ts'
import { makeNoHelpAhead } from './no-help-ahead.ts'
import { givenFlags, optionFlags } from './option-flags.ts'

const COMPLETION = 'completion'
/** What a shell asks for the words that may follow. */
const COMPLETION_FLAG = '--get-yargs-completions'
/** All commands are there then. */
const HELP: readonly string[] = ['--help', '-h', COMPLETION, COMPLETION_FLAG]
/** Words that make the modules of these commands worth loading. */
const STORE_WORDS: readonly string[] = [...STORE_COMMANDS, ...HELP]
const PERF_WORDS: readonly string[] = ['perf', ...HELP]
const HASH_WORDS: readonly string[] = ['hash-password', ...HELP]
const CTL_WORDS: readonly string[] = ['ctl', ...HELP]

/**
 * Runs the command that the arguments name and resolves to the exit code, for `serve` when the broker has stopped.
 * What a command needs is loaded when it runs, so that none waits for another's modules.
 */
export async function runCommandLine(args: readonly string[], context: CommandContext): Promise<number> {
  let exitCode: number = ExitCode.done
  const onExit = (code: number): void => {
    exitCode = code
  }
  const cli = commands(makeNoHelpAhead(yargs()), async (parsed) => {
    const { serve } = await import('./serve/serve.ts')
    exitCode = await serve(givenFlags(parsed), context)
  })
  if (args.some((arg) => PERF_WORDS.includes(arg))) {
    const { perfCommand } = await import('./perf-command.ts')
    cli.command(perfCommand)
  }
  if (args.some((arg) => CTL_WORDS.includes(arg))) {
    const { ctlCommand } = await import('./ctl/ctl-command.ts')
    cli.command(ctlCommand(context, onExit))
  }
  if (args.some((arg) => HASH_WORDS.includes(arg))) {
    const { hashPasswordCommand } = await import('./hash-password-command.ts')
    cli.command(hashPasswordCommand(context, onExit))
  }
  if (args.some((arg) => STORE_WORDS.includes(arg))) {
    const { storeCommands } = await import('./store/store-commands.ts')
    for (const command of storeCommands(context, onExit)) cli.command(command)
  }
  cli.completion(COMPLETION, 'print a script that completes commands and flags in bash or zsh')
  if (args[0] === COMPLETION && args.length === 1) {
    // yargs prints the script and runs the default command then, which does not know this word.
    cli.showCompletionScript()
    return ExitCode.done
  }
  const isCtl = args[0] === 'ctl'
  try {
    await cli.parseAsync(isCtl ? markDashed(args) : [...args], {}, (_error, _parsed, output) => {
      if (output !== '') context.printLine(output)
    })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    if (isCtl) return await ctlMisuse(error.message, args, context)
    const { correction } = await import('./correction.ts')
    const complaint = error.message.replace(/^Missing required arguments?: /, '$&--')
    const text = `${complaint}${await correction(error.message, args)}`
    const { COMMANDS } = await import('./commands.ts')
    const command = COMMANDS.find((name) => name === args[0])
    context.printError(
      `leveret: ${text}\n'leveret ${command === undefined ? '' : `${command} `}--help' shows all options.`,
    )
    return ExitCode.usage
  }
  // `perf` leaves its result where Node.js looks for it.
  return exitCode || Number(process.exitCode ?? ExitCode.done)
}

/** As rabbitmqctl tells it. */
async function ctlMisuse(message: string, args: readonly string[], context: CommandContext): Promise<number> {
  const { ctlMisuseText } = await import('./ctl/ctl-misuse.ts')
  const { CtlExit } = await import('./ctl/ctl-failure.ts')
  context.printError(`Error: ${await ctlMisuseText(message, args)}\n'leveret ctl --help' lists the commands.`)
  return CtlExit.usage
}

/** The arguments do not make sense. */
class UsageError extends Error {}

function commands(cli: Argv, runServe: (parsed: Readonly<Record<string, unknown>>) => Promise<void>): Argv {
  return cli
    .scriptName('leveret')
    .detectLocale(false)
    .usage(
      '$0 [command] [options]\n\nAn AMQP 0.9.1 broker. It keeps what is durable in --data-dir; --storage memory runs it without disk.',
    )
    .command(
      ['serve', '$0'],
      'run the broker (default)',
      (serve) => serve.options(optionFlags()),
      (parsed) => runServe(parsed),
    )
    .epilogue(
      'A flag is stronger than an environment variable, and that is stronger than the config file.\nThe config file has the keys of rabbitmq.conf, and those of the flags: frame_max for --frame-max.',
    )
    .version('version', 'print the version', leveretVersion())
    .help('help', 'print this help')
    .alias({ v: 'version', h: 'help' })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      // yargs' own complaints come with a YError or with none; everything else is a defect of a command.
      throw error === undefined || error === null || error.name === 'YError' ? new UsageError(message) : error
    })
    .wrap(Math.min(120, process.stdout.columns ?? 120))
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
}
