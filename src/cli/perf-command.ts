import type { Argv, CommandModule, Options } from 'yargs'
import type { OptionRow } from '../perf/option-row.ts'
import { flagName, PERF_OPTIONS } from '../perf/options.ts'

/** `leveret perf`: puts load on any AMQP 0.9.1 broker and measures what comes through. Sets `process.exitCode`. */
export const perfCommand: CommandModule = {
  command: 'perf',
  describe: 'put load on an AMQP 0.9.1 broker and measure it',
  builder,
  handler: async (argv) => {
    const { perf } = await import('./perf.ts')
    process.exitCode = await perf(textsOf(argv))
  },
}

function builder(yargs: Argv): Argv {
  for (const [name, row] of Object.entries<OptionRow<unknown>>(PERF_OPTIONS)) yargs.option(flagName(name), toYargs(row))
  return yargs
    .strict()
    .parserConfiguration({ 'duplicate-arguments-array': true, 'parse-numbers': false })
    .example('$0 perf', 'one publisher, one consumer, 16 bytes, for 10 seconds')
    .example('$0 perf --size 1024 --confirm 1000 --ack-every 1 --prefetch 1000', 'nothing gets lost')
    .example('$0 perf --rate 5000 --latency', 'how long a message takes')
    .example("$0 perf --queue 'perf-{1..10}' --publishers 10 --consumers 10", 'ten queues')
}

/** Texts stay texts here: yargs would turn what is no number into NaN. */
function toYargs(row: OptionRow<unknown>): Options {
  const common = { group: `${row.group}:`, describe: row.description }
  if (row.kind === 'flag') return { ...common, type: 'boolean' }
  if (row.kind === 'list') return { ...common, type: 'string', array: true, requiresArg: true }
  const fallback = row.fallback === undefined ? {} : { defaultDescription: row.fallback || 'none' }
  return { ...common, ...fallback, type: 'string', requiresArg: true }
}

function textsOf(argv: { readonly [name: string]: unknown }): {
  readonly [name: string]: readonly string[] | undefined
} {
  return Object.fromEntries(
    Object.keys(PERF_OPTIONS).map((name) => {
      const value = argv[flagName(name)]
      return [name, value === undefined ? undefined : [value].flat().map(String)]
    }),
  )
}
