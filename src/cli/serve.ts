import type { Config, OptionName } from '../../config/options.ts'
import { processMemoryBytes } from '../lib/process-memory.ts'
import { RareLines } from '../lib/rare-lines.ts'
import type { ListenAddress } from '../listeners/listen-options.ts'
import { DefinitionsError } from './definitions-error.ts'
import { ExitCode } from './exit-code.ts'
import { listenFailure } from './listen-failure.ts'
import type { LogOutput } from './log-output.ts'
import { createLogger } from './logging.ts'
import { readConfig } from './read-config.ts'
import { isScarcity } from './scarcity.ts'
import { logListening, logRecovery, logStart } from './start-log.ts'
import { storeFailure } from './store-failure.ts'

/** The server gives up on its clients after the grace period; this much later the process gives up on the server. */
const OVERTIME_MS = 2000
/** Ctrl-C below `npm start` arrives twice, from the terminal and from npm: that is one wish. */
const SAME_SIGNAL_MS = 500

/** What `serve` needs of a server. */
export interface ServedServer {
  /** Opens the storage. */
  start(): Promise<void>
  /** Before any client is let in. Rejects with DefinitionsError. */
  loadDefinitions(): Promise<void>
  listen(): Promise<readonly ListenAddress[]>
  /** The management API and the metrics. */
  openHttpDoors(): Promise<void>
  /** Says in the log what came of it. */
  reloadTls(): void
  shutdown(options: { readonly graceMs: number }): Promise<void>
}

/** The process around a command; tests bring their own. */
export interface ServeContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  printLine(text: string): void
  printError(text: string): void
  /** All that comes on standard input. */
  readInput(): Promise<string>
  openOutput(): Promise<LogOutput>
  createServer(config: Config, memoryBytes: number, logger: ReturnType<typeof createLogger>): Promise<ServedServer>
  /** Ends the process at once. */
  forceExit(code: number): void
}

/**
 * Runs the broker until a signal stops it. What keeps it from starting is said on standard error, and in the log once there
 * is one.
 */
export async function serve(flags: ReadonlyMap<OptionName, string>, context: ServeContext): Promise<number> {
  const resolution = readConfig(flags, context.environment)
  if (!resolution.isValid) {
    for (const text of [...resolution.warnings, ...resolution.errors]) context.printError(`leveret: ${text}`)
    return ExitCode.usage
  }
  const output = await context.openOutput()
  try {
    return await run(resolution.config, resolution.warnings, output, context)
  } finally {
    await output.flush()
  }
}

async function run(
  config: Config,
  warnings: readonly string[],
  output: LogOutput,
  context: ServeContext,
): Promise<number> {
  const logger = createLogger(config, output)
  const memoryBytes = processMemoryBytes()
  logStart(logger, config, memoryBytes)
  for (const warning of warnings) logger.warn({}, warning)
  const stop = stopRequest(context, (signal) => {
    logger.warn({ signal }, 'forced to stop at once')
    output.flushSync()
    context.forceExit(ExitCode.failure)
  })
  const rareLines = new RareLines(logger)
  const onDefect = (error: unknown): void => {
    if (isScarcity(error)) {
      rareLines.log('error', { err: error }, 'the system refused something that it had no more of; the broker goes on')
      return
    }
    logger.error({ err: error }, 'a defect ends the broker')
    output.flushSync()
    context.forceExit(ExitCode.failure)
  }
  context.signals.on('uncaughtException', onDefect)
  try {
    const server = await context.createServer(config, memoryBytes, logger).catch((error: unknown) => {
      if (error instanceof DefinitionsError) return error.message
      logger.error({ err: error }, 'the broker cannot be made')
      throw error
    })
    const failure = typeof server === 'string' ? server : await start(server, config, logger)
    if (failure !== undefined || typeof server === 'string') {
      // Who looks at a terminal sees both.
      if (!output.isTerminal) logger.error({}, failure ?? '')
      context.printError(`leveret: ${failure}`)
      return ExitCode.failure
    }
    const reload = (): void => server.reloadTls()
    context.signals.on('SIGHUP', reload)
    const signal = await stop.requested
    context.signals.off('SIGHUP', reload)
    logger.info({ signal, graceSec: config.shutdownGraceSec }, 'stopping: clients are told to close')
    const isInTime = await withinTime(
      server.shutdown({ graceMs: config.shutdownGraceSec * 1000 }),
      config.shutdownGraceSec * 1000 + OVERTIME_MS,
    )
    if (!isInTime) {
      logger.error({}, 'the broker did not stop in time')
      return ExitCode.failure
    }
    logger.info({}, 'stopped')
    return ExitCode.done
  } finally {
    stop.ignore()
    context.signals.off('uncaughtException', onDefect)
    rareLines.close()
  }
}

/** Opens the store, then the listeners; why that cannot be, or undefined when it is done. */
async function start(
  server: ServedServer,
  config: Config,
  logger: ReturnType<typeof createLogger>,
): Promise<string | undefined> {
  const stopLines = logRecovery(logger)
  try {
    await server.start()
  } catch (error) {
    return storeFailure(error, config.dataDir)
  } finally {
    stopLines()
  }
  try {
    await server.loadDefinitions()
    const addresses = await server.listen()
    await server.openHttpDoors()
    logListening(logger, addresses)
    return undefined
  } catch (error) {
    await server.shutdown({ graceMs: 0 })
    return error instanceof DefinitionsError ? error.message : listenFailure(error)
  }
}

/** Resolves with the first SIGTERM or SIGINT; `onSecond` is called for every further one. */
function stopRequest({ signals }: ServeContext, onSecond: (signal: string) => void) {
  let resolveRequested: (signal: string) => void
  const requested = new Promise<string>((resolve) => {
    resolveRequested = resolve
  })
  let requestedAtMs: number | undefined
  const onSignal = (signal: string): void => {
    const nowMs = performance.now()
    if (requestedAtMs === undefined) {
      requestedAtMs = nowMs
      resolveRequested(signal)
    } else if (nowMs - requestedAtMs >= SAME_SIGNAL_MS) onSecond(signal)
  }
  const names = ['SIGTERM', 'SIGINT']
  for (const name of names) signals.on(name, onSignal)
  const ignore = (): void => {
    for (const name of names) signals.off(name, onSignal)
  }
  return { requested, ignore }
}

async function withinTime(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
