/** `leveret ctl`: the commands of rabbitmqctl and rabbitmq-diagnostics, for a broker that runs. */
import type { Argv, CommandModule, Options } from 'yargs'
import type { CommandContext } from '../command-context.ts'
import { optionFlags } from '../option-flags.ts'
import { apiPath, BrokerClient } from './broker-client.ts'
import { CtlExit, CtlFailure } from './ctl-failure.ts'
import { FORMATTERS, type Formatter, outputText } from './output.ts'
import { findTarget } from './target.ts'
import { type Verb, VerbCall } from './verb.ts'
import { VERBS } from './verbs/all-verbs.ts'

type Parsed = Readonly<Record<string, unknown>>
type Context = Pick<CommandContext, 'environment' | 'printLine' | 'printError' | 'readInput'>

const DEFAULT_TIMEOUT_SEC = 60
const WHERE = 'Where the broker is:'
const OUTPUT = 'Output:'

const WHERE_OPTIONS: Readonly<Record<string, Options>> = {
  url: {
    group: WHERE,
    type: 'string',
    requiresArg: true,
    describe: 'management API of a broker: http://user@host:15672 [env: LEVERET_CTL_URL]',
  },
  'password-file': {
    group: WHERE,
    type: 'string',
    requiresArg: true,
    describe: 'file with the password of the user in --url [env: LEVERET_CTL_PASSWORD has the password itself]',
  },
  'ca-file': {
    group: WHERE,
    type: 'string',
    requiresArg: true,
    describe: 'authorities that the certificate of an https address is checked with, in PEM',
  },
  node: {
    alias: 'n',
    group: WHERE,
    type: 'string',
    requiresArg: true,
    describe: 'fail unless the broker has this name, such as leveret@host',
  },
  timeout: {
    alias: 't',
    group: WHERE,
    type: 'string',
    requiresArg: true,
    describe: `seconds to wait for an answer; 0: any time (default: ${DEFAULT_TIMEOUT_SEC})`,
  },
}

const OUTPUT_OPTIONS: Readonly<Record<string, Options>> = {
  formatter: { group: OUTPUT, choices: FORMATTERS, default: 'table', describe: 'form of the output' },
  quiet: { alias: 'q', group: OUTPUT, type: 'boolean', describe: 'without titles' },
  silent: { alias: 's', group: OUTPUT, type: 'boolean', describe: 'without titles and names of columns' },
  'table-headers': { group: OUTPUT, type: 'boolean', default: true, describe: 'names of columns' },
}

const VHOST: Readonly<Record<string, Options>> = {
  vhost: { alias: 'p', type: 'string', requiresArg: true, default: '/', describe: 'virtual host' },
}

/** The flags that all commands have. */
export const CTL_FLAGS: readonly string[] = Object.keys(commonOptions())

/** Those of them that are followed by a value, as they are written. */
export const VALUE_FLAGS: readonly string[] = Object.entries(commonOptions()).flatMap(([name, { type, alias }]) => {
  if (type === 'boolean') return []
  return typeof alias === 'string' ? [`--${name}`, `-${alias}`] : [`--${name}`]
})

function commonOptions(): Readonly<Record<string, Options>> {
  return { ...VHOST, ...OUTPUT_OPTIONS, ...WHERE_OPTIONS, ...placeOptions() }
}

/** `onExit` is told the exit code. */
export function ctlCommand(context: Context, onExit: (code: number) => void): CommandModule {
  return {
    command: 'ctl',
    describe: 'administer a running broker',
    builder: (yargs) => {
      for (const verb of VERBS) yargs.command(command(verb, context, onExit))
      return yargs
        .usage('$0 ctl <command> [options]\n\nCommands of rabbitmqctl and rabbitmq-diagnostics, and some of its own.')
        .demandCommand(1, 'a command is missing')
        .strict()
        .epilogue('leveret ctl <command> --help shows the options of a command.')
    },
    handler: () => {},
  }
}

function command(verb: Verb, context: Context, onExit: (code: number) => void): CommandModule {
  const { name, args = '', describe, more, hasVhost = false, options = {} } = verb
  return {
    command: args === '' ? name : `${name} ${args}`,
    describe,
    builder: (yargs: Argv) =>
      (more === undefined ? yargs : yargs.epilogue(more))
        .parserConfiguration({
          'parse-numbers': false,
          'parse-positional-numbers': false,
          'camel-case-expansion': false,
          'dot-notation': false,
        })
        .options({ ...(hasVhost ? VHOST : {}), ...options, ...OUTPUT_OPTIONS, ...WHERE_OPTIONS, ...placeOptions() }),
    handler: async (parsed) => {
      onExit(await carryOut(verb, parsed, context))
    },
  }
}

function placeOptions(): Record<string, Options> {
  const { 'data-dir': dataDir, 'ctl-socket': socket, config } = optionFlags()
  const found = { 'data-dir': dataDir, 'ctl-socket': socket, config }
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, options]) =>
      options === undefined ? [] : [[name, { ...options, group: WHERE }]],
    ),
  )
}

async function carryOut(verb: Verb, parsed: Parsed, context: Context): Promise<number> {
  try {
    const timeoutMs = timeoutIn(parsed, verb.timeoutSec ?? DEFAULT_TIMEOUT_SEC)
    const broker = new BrokerClient(findTarget(parsed, context.environment), timeoutMs)
    if (verb.isLocal === true && broker.target.kind === 'url')
      throw new CtlFailure(
        CtlExit.usage,
        `${verb.name} needs the control socket of the broker: it does not go by --url`,
      )
    if (verb.isEarly !== true) await requireNode(broker, parsed.node)
    const output = await verb.run(
      new VerbCall(broker, parsed, {
        timeoutMs,
        printLine: (text) => context.printLine(text),
        readInput: () => context.readInput(),
      }),
    )
    if (verb.isEarly === true) await requireNode(broker, parsed.node)
    const text = outputText(output, {
      formatter: parsed.formatter as Formatter, // yargs takes no other
      isQuiet: parsed.quiet === true || parsed.silent === true,
      hasHeaders: parsed['table-headers'] !== false && parsed.silent !== true,
    })
    if (text !== undefined) context.printLine(text)
    return CtlExit.done
  } catch (error) {
    if (!(error instanceof CtlFailure)) throw error
    context.printError(`Error: ${error.message === 'Not Found' ? missing(verb, parsed) : error.message}`)
    return error.exitCode
  }
}

/** The API does not say what it has not found. */
function missing({ hasVhost = false, args = '' }: Verb, { vhost }: Parsed): string {
  const where = hasVhost ? ` in virtual host '${String(vhost)}'` : ''
  if (args.startsWith('<')) return `there is nothing of that name${where}`
  return hasVhost ? `virtual host '${String(vhost)}' does not exist` : 'the broker does not know this command'
}

function timeoutIn({ timeout }: Parsed, usualSec: number): number {
  if (timeout === undefined) return usualSec * 1000
  const text = String(timeout)
  if (text === 'infinity') return 0
  if (!/^\d{1,6}$/.test(text)) throw new CtlFailure(CtlExit.usage, `--timeout is a number of seconds, not ${text}`)
  return Number(text) * 1000
}

/** There is one node, and it is this one. */
async function requireNode(broker: BrokerClient, node: unknown): Promise<void> {
  if (node === undefined) return
  const { status } = await broker.send('GET', apiPath`/nodes/${String(node)}`)
  if (status === 404) throw new CtlFailure(CtlExit.unavailable, `the broker at ${broker.place} is not node ${node}`)
}
