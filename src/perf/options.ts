import { decimal, flag, integer, list, type OptionRow, optional, text } from './option-row.ts'
import { PerfError } from './perf-error.ts'
import { STAMP_BYTES } from './stamp.ts'

const BROKER = 'Broker'
const MESSAGES = 'Messages'
const TOPOLOGY = 'Queues and exchanges'
const RUN = 'Run'
const OUTPUT = 'Output'

/** Every option of `leveret perf`; flags, help and types come from these rows. */
export const PERF_OPTIONS = {
  uri: text(
    BROKER,
    'amqp://guest:guest@127.0.0.1:5672/',
    'the broker: amqp://user:password@host:port/vhost, amqps:// for TLS (its authority: NODE_EXTRA_CA_CERTS)',
  ),
  brokerPid: optional(
    integer(BROKER, 0, 1, 2 ** 31, "the broker's process, if it runs here: reports its CPU time per message (Linux)"),
  ),

  publishers: integer(RUN, 1, 0, 10_000, 'connections that publish'),
  consumers: integer(RUN, 1, 0, 10_000, 'connections that consume'),
  time: decimal(RUN, 10, 0.1, 86_400, 'seconds to measure'),
  warmup: decimal(RUN, 1, 0, 3600, 'seconds to run before measuring; none when --count is given'),
  count: optional(integer(RUN, 0, 1, 2 ** 40, 'messages in all, instead of --time; with no publisher: to consume')),
  processes: optional(
    integer(RUN, 1, 1, 64, 'processes that share the connections; default: one less than there are processors'),
  ),

  size: integer(MESSAGES, 16, 0, 128 * 1024 * 1024, 'bytes per message body'),
  rate: decimal(MESSAGES, 0, 0, 10_000_000, 'messages per second and publisher; 0: as fast as possible'),
  confirm: integer(MESSAGES, 0, 0, 1_000_000, 'publisher confirms, with so many in flight; 0: none'),
  persistent: flag(MESSAGES, 'mark the messages persistent (delivery mode 2)'),
  priority: optional(
    integer(MESSAGES, 0, 0, 255, 'give each message a priority at random, from 0 to this one; default: no priority'),
  ),
  writeBytes: integer(MESSAGES, 65_536, 1, 16_777_216, 'bytes per socket write; 1: every message on its own'),
  ackEvery: integer(MESSAGES, 0, 0, 1_000_000, 'consumers acknowledge every so many messages at once; 0: no-ack'),
  reject: flag(MESSAGES, 'consumers reject what they would acknowledge: it goes where its queue sends dead letters'),
  prefetch: integer(MESSAGES, 0, 0, 65_535, 'unacknowledged messages per consumer; 0: no limit'),

  queue: list(TOPOLOGY, 'queue, several of them, or a pattern like perf-{1..10}; default: leveret-perf'),
  durable: flag(TOPOLOGY, 'declare queues and exchanges durable'),
  queueArgs: list(TOPOLOGY, 'arguments of declared queues: x-max-length=1000 x-queue-mode=lazy'),
  exchange: text(TOPOLOGY, '', 'exchange to publish to; default: the default exchange', 255),
  exchangeType: text(TOPOLOGY, 'direct', 'its type if it is to be declared', 255),
  routingKey: list(TOPOLOGY, 'keys to publish with in turn, or a pattern; default: the names of the queues'),
  bindingKey: list(TOPOLOGY, 'keys to bind every queue with, or a pattern; default: the routing keys'),
  purgeMs: integer(TOPOLOGY, 0, 0, 3_600_000, 'empty the queues every so many milliseconds; 0: never'),
  keep: flag(TOPOLOGY, 'leave what was declared for the run behind'),

  latency: flag(OUTPUT, 'put the time into each body and report how long messages and confirms took'),
  json: flag(OUTPUT, 'print the result as JSON'),
  verbose: flag(OUTPUT, 'print progress to standard error every second'),
} satisfies Record<string, OptionRow<unknown>>

export type PerfOptionName = keyof typeof PERF_OPTIONS

export type PerfOptions = {
  readonly [N in PerfOptionName]: ReturnType<(typeof PERF_OPTIONS)[N]['parse']>
}

/** `ackEvery` → `ack-every`. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Makes values of texts; what is missing gets its default. Throws a `PerfError` that names the option. */
export function parsePerfOptions(given: { readonly [name: string]: readonly string[] | undefined }): PerfOptions {
  const values: Record<string, unknown> = {}
  for (const [name, row] of Object.entries<OptionRow<unknown>>(PERF_OPTIONS)) {
    values[name] = parseOption(name, row, given[name])
  }
  const options = values as PerfOptions // each value came from the parse function of the row that its type is made from
  requireSense(options)
  return options
}

function parseOption(name: string, row: OptionRow<unknown>, texts: readonly string[] | undefined): unknown {
  if (texts === undefined && row.fallback === undefined) {
    return row.kind === 'text' ? undefined : row.kind === 'flag' ? false : []
  }
  try {
    return row.parse(texts ?? [row.fallback ?? ''])
  } catch (error) {
    if (error instanceof PerfError) throw new PerfError(`--${flagName(name)} ${error.message}`)
    throw error
  }
}

function requireSense(options: PerfOptions): void {
  if (options.publishers + options.consumers === 0) throw new PerfError('--publishers and --consumers are both 0')
  if (options.latency && options.size < STAMP_BYTES) {
    throw new PerfError(`--latency needs --size ${STAMP_BYTES} or more, for the time in the body`)
  }
  if (options.reject && options.ackEvery === 0) throw new PerfError('--reject needs --ack-every')
  if (options.prefetch > 0 && options.ackEvery > options.prefetch) {
    throw new PerfError(`--ack-every ${options.ackEvery} never comes with --prefetch ${options.prefetch}`)
  }
  if (options.exchange === '' && options.routingKey.length > 0) throw new PerfError('--routing-key needs --exchange')
  if (options.exchange === '' && options.bindingKey.length > 0) throw new PerfError('--binding-key needs --exchange')
}
