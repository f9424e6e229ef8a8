// The one table of options. Flag, environment name, config-file key, help text and the type `Config` all come from a row:
// `frameMaxBytes` is `--frame-max`, `LEVERET_FRAME_MAX` and `frame_max`. The unit at the end of a row's name is left out.
import { BACKEND_OPTIONS } from './backend-options.ts'
import { HTTP_OPTIONS } from './http-options.ts'
import { AUTOMATIC, LISTENER_OPTIONS, TLS_OPTIONS } from './listener-options.ts'
import { NUMBER_SETTINGS } from './number-settings.ts'
import { bytesOption, countOption, numberOption, type Option, option, sizeOption } from './option-row.ts'
import { byteSize, choice, integer, memoryLimit, text } from './parsers.ts'
import { USER_OPTIONS } from './user-options.ts'

const { shutdownGraceMs } = NUMBER_SETTINGS

export const OPTIONS = {
  ...LISTENER_OPTIONS,
  heartbeatSec: numberOption(
    NUMBER_SETTINGS.heartbeatSec,
    'heartbeat suggested to clients, in seconds; 0 turns it off',
    {
      group: 'Network',
    },
  ),
  handshakeTimeoutMs: numberOption(NUMBER_SETTINGS.handshakeTimeoutMs, 'time a client has to log in, in milliseconds', {
    group: 'Network',
  }),
  sendTimeoutMs: numberOption(
    NUMBER_SETTINGS.sendTimeoutMs,
    'a client that takes nothing of what it is sent for so long is cut off, in milliseconds; 0 turns it off',
    { group: 'Network', fileKeys: ['tcp_listen_options.send_timeout'] },
  ),
  ...TLS_OPTIONS,
  ...HTTP_OPTIONS,
  consumerTimeoutMs: numberOption(
    NUMBER_SETTINGS.consumerTimeoutMs,
    'a channel that takes longer for an acknowledgement is closed, in milliseconds; 0: it may take any time',
    { group: 'Limits' },
  ),
  frameMaxBytes: sizeOption(NUMBER_SETTINGS.frameMaxBytes, 'largest frame, in bytes', { group: 'Limits' }),
  initialFrameMaxBytes: sizeOption(
    NUMBER_SETTINGS.initialFrameMaxBytes,
    'largest frame before a client has logged in, in bytes',
    { group: 'Limits' },
  ),
  channelMax: numberOption(NUMBER_SETTINGS.channelMax, 'channels per connection', { group: 'Limits' }),
  connectionMax: countOption(NUMBER_SETTINGS.connectionMax, 'connections that are logged in, at a time'),
  channelMaxPerNode: countOption(NUMBER_SETTINGS.channelMaxPerNode, 'channels of all connections together'),
  consumerMaxPerChannel: countOption(NUMBER_SETTINGS.consumerMaxPerChannel, 'consumers per channel'),
  consumerMax: countOption(NUMBER_SETTINGS.consumerMax, 'consumers of all channels together'),
  unackedBytesMaxPerConnection: bytesOption(
    NUMBER_SETTINGS.unackedBytesMaxPerConnection,
    'bytes of messages that a connection has not acknowledged, from which on its deliveries wait',
  ),
  unackedBytesMax: bytesOption(NUMBER_SETTINGS.unackedBytesMax, 'the same for all connections together'),
  vhostMax: countOption(NUMBER_SETTINGS.vhostMax, 'virtual hosts'),
  queueMax: countOption(NUMBER_SETTINGS.queueMax, 'queues of all virtual hosts together', ['cluster_queue_limit']),
  exchangeMax: countOption(
    NUMBER_SETTINGS.exchangeMax,
    'exchanges of all virtual hosts together; the predeclared ones count',
    ['cluster_exchange_limit'],
  ),
  bindingMax: countOption(NUMBER_SETTINGS.bindingMax, 'bindings of all virtual hosts together'),
  maxMessageSizeBytes: sizeOption(NUMBER_SETTINGS.maxMessageSizeBytes, 'largest message body, in bytes', {
    group: 'Limits',
  }),
  memoryLimit: option(
    { fraction: 0.6 },
    memoryLimit(1_048_576),
    'memory from which on publishers have to wait: a fraction of what the process may use, or a size',
    {
      group: 'Limits',
      fileKeys: ['vm_memory_high_watermark.relative', 'vm_memory_high_watermark.absolute'],
      defaultText: '0.6',
    },
  ),
  eventLoopDelayLimitMs: numberOption(
    NUMBER_SETTINGS.eventLoopDelayLimitMs,
    'publishers wait while the event loop is late by more than this, in milliseconds; 0: it may be late by any time',
    { group: 'Limits' },
  ),
  storeDelayLimitMs: numberOption(
    NUMBER_SETTINGS.storeDelayLimitMs,
    'publishers of durable messages wait while the store takes longer than this to keep something, in milliseconds; 0: any time',
    { group: 'Storage' },
  ),
  ...USER_OPTIONS,
  ...BACKEND_OPTIONS,
  loginFailuresMax: numberOption(
    NUMBER_SETTINGS.loginFailuresMax,
    'failed log-ins of an address before it has to wait, ever longer, between two of them; 0: it never has to',
    { group: 'Users' },
  ),
  loginSocketsMax: numberOption(NUMBER_SETTINGS.loginSocketsMax, 'clients that have not logged in yet', {
    group: 'Limits',
  }),
  loginSocketsPerAddressMax: numberOption(
    NUMBER_SETTINGS.loginSocketsPerAddressMax,
    'clients from one address that have not logged in yet',
    { group: 'Limits' },
  ),
  storage: option(
    'leveldb',
    choice({ leveldb: 'leveldb', memory: 'memory' }),
    'where messages are kept: durably in --data-dir, or in memory, where all is gone when the broker stops',
    { group: 'Storage' },
  ),
  dataDir: option('./leveret-data', text(4096), 'folder of the stored data; unused with memory storage', {
    group: 'Storage',
  }),
  durability: option(
    'sync',
    choice({ sync: 'sync', interval: 'interval', os: 'os' }, 'one of sync, interval, os'),
    'what a confirm waits for: sync (the disk), interval (the system, synced every --sync-interval), os (the system)',
    { group: 'Storage' },
  ),
  syncIntervalMs: option(100, integer(1, 60_000), 'time between syncs with --durability interval, in milliseconds', {
    group: 'Storage',
  }),
  diskFreeLimitBytes: option(
    67_108_864,
    byteSize(1, 1_099_511_627_776),
    'what the disk of --data-dir must have left, in bytes; publishers wait while it has less',
    { group: 'Storage', fileKeys: ['disk_free_limit.absolute'] },
  ),
  loadDefinitions: option<string | undefined>(
    undefined,
    text(4096),
    'file, or folder of files, with definitions as RabbitMQ exports them: imported at every start, before any client is let in',
    { group: 'Operation', fileKeys: ['definitions.local.path'], defaultText: 'none' },
  ),
  config: option<string | undefined>(undefined, text(4096), 'file with settings, as in rabbitmq.conf', {
    group: 'Operation',
    defaultText: 'none',
    isOutsideFile: true,
  }),
  logLevel: option(
    'info',
    choice(
      { debug: 'debug', info: 'info', warn: 'warn', error: 'error', silent: 'silent', ...rabbitLogLevels() },
      'one of debug, info, warn, error, silent',
    ),
    'what is logged: this level and above',
    { group: 'Operation', fileKeys: ['log.console.level', 'log.default.level'] },
  ),
  logFile: option<string | undefined>(
    undefined,
    text(4096),
    'file that the log goes to as well; SIGHUP opens it again, after it was moved away',
    { group: 'Operation', defaultText: 'none' },
  ),
  logFileLevel: option(
    'info',
    choice(
      { debug: 'debug', info: 'info', warn: 'warn', error: 'error', silent: 'silent', ...rabbitLogLevels() },
      'one of debug, info, warn, error, silent',
    ),
    'what goes to that file: this level and above',
    { group: 'Operation', fileKeys: ['log.file.level'] },
  ),
  logFormat: option(
    'auto',
    choice({ auto: 'auto', json: 'json', pretty: 'pretty', plaintext: 'pretty' }, 'one of auto, json, pretty'),
    'form of the log; auto is pretty on a terminal and json elsewhere',
    { group: 'Operation', fileKeys: ['log.console.formatter'] },
  ),
  ctlSocket: option<string>(
    AUTOMATIC,
    text(4096),
    "Unix socket that 'leveret ctl' speaks to; automatic: ctl.sock in --data-dir, or a folder of the user with memory storage; none",
    { group: 'Operation' },
  ),
  shutdownGraceSec: option(
    shutdownGraceMs.default / 1000,
    integer(shutdownGraceMs.min / 1000, shutdownGraceMs.max / 1000),
    'time clients get to close when the broker stops, in seconds',
    { group: 'Operation' },
  ),
} as const

export type OptionName = keyof typeof OPTIONS

/** Every option with its value, in the option's unit. */
export type Config = {
  readonly [Name in OptionName]: (typeof OPTIONS)[Name] extends Option<infer Value> ? Value : never
}

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[]

/** A row without its value type, for code that treats all rows alike. */
export function optionRow(name: OptionName): Option<unknown> {
  return OPTIONS[name]
}

/** `frameMaxBytes` → `frame-max`. */
export function flagName(name: OptionName): string {
  return name.replace(/(?:Bytes|Sec|Ms)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Our own variable first, then RabbitMQ's. */
export function environmentNames(name: OptionName): readonly string[] {
  return [`LEVERET_${flagName(name).toUpperCase().replaceAll('-', '_')}`, ...(optionRow(name).environment ?? [])]
}

/** The key made from the name first, then RabbitMQ's others. */
export function fileKeys(name: OptionName): readonly string[] {
  if (optionRow(name).isOutsideFile) return []
  return [flagName(name).replaceAll('-', '_'), ...(optionRow(name).fileKeys ?? [])]
}

function rabbitLogLevels() {
  return { warning: 'warn', critical: 'error', none: 'silent' } as const
}
