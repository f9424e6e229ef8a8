import type { Config, OptionName } from '../../../config/options.ts'
import type { Resolution } from '../../../config/resolve.ts'
import { shownConfig } from '../../../config/shown-config.ts'
import type { ControlledProcess } from '../../http/control-routes.ts'
import { processMemoryBytes } from '../../lib/process-memory.ts'
import { RareLines } from '../../lib/rare-lines.ts'
import { DefinitionsError } from '../assembly/definitions-error.ts'
import type { CommandContext } from '../command-context.ts'
import { ExitCode } from '../exit-code.ts'
import { type LogFile, openLogFile } from '../log/log-file.ts'
import { LogTail } from '../log/log-tail.ts'
import { createLog, type createLogger } from '../log/logging.ts'
import { readConfig } from '../read-config.ts'
import type { ServedServer } from '../served-server.ts'
import { storeFailure } from '../store/store-failure.ts'
import { Hangup } from './hangup.ts'
import { listenFailure } from './listen-failure.ts'
import { Reload } from './reload.ts'
import { isScarcity } from './scarcity.ts'
import { logListening, logRecovery, logStart } from './start-log.ts'
import { type StopRequest, stopRequest, withinTime } from './stop-request.ts'

/** The server gives up on its clients after the grace period; this much later the process gives up on the server. */
const OVERTIME_MS = 2000

/** Options that the process itself takes over: the levels of the log, and the time that a stop may take. */
const OF_THE_PROCESS = ['logLevel', 'logFileLevel', 'shutdownGraceSec'] as const satisfies readonly OptionName[]

const STILL_OLD_LOG_FILE = 'the log file cannot be opened again: lines go to the one that was open'

/**
 * Runs the broker until a signal stops it. What keeps it from starting is said on standard error, and in the log once there
 * is one.
 */
export async function serve(flags: ReadonlyMap<OptionName, string>, context: CommandContext): Promise<number> {
  const resolution = readConfig(flags, context.environment)
  if (!resolution.isValid) {
    for (const text of [...resolution.warnings, ...resolution.errors]) context.printError(`leveret: ${text}`)
    return ExitCode.usage
  }
  const file = logFile(resolution.config, context)
  if (typeof file === 'number') return file
  const output = new LogTail(await context.openOutput())
  try {
    return await run(flags, resolution, { output, file }, context)
  } finally {
    await Promise.all([output.flush(), file?.output.flush()])
  }
}

/** The exit code when there can be no such file. */
function logFile({ logFile: path }: Config, context: CommandContext): LogFile | undefined | number {
  try {
    return path === undefined ? undefined : openLogFile(path)
  } catch (error) {
    context.printError(`leveret: the log cannot go to ${path}: ${error instanceof Error ? error.message : error}`)
    return ExitCode.failure
  }
}

/** Where lines go. */
interface LogPlaces {
  readonly output: LogTail
  readonly file: LogFile | undefined
}

async function run(
  flags: ReadonlyMap<OptionName, string>,
  { config, warnings }: Resolution & { readonly isValid: true },
  { output, file }: LogPlaces,
  context: CommandContext,
): Promise<number> {
  const { logger, setLevels } = createLog(config, output, file?.output)
  const memoryBytes = processMemoryBytes()
  logStart(logger, config, memoryBytes)
  for (const warning of warnings) logger.warn({}, warning)
  const stop = stopRequest(context.signals, (signal) => {
    logger.warn({ signal }, 'forced to stop at once')
    output.flushSync()
    context.forceExit(ExitCode.failure)
  })
  const hangup = new Hangup(context.signals)
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
    if (typeof server === 'string') return notStarted(server, output, logger, context)
    const reload = new Reload({
      config,
      read: () => {
        void file?.reopen().catch((err: unknown) => logger.error({ err }, STILL_OLD_LOG_FILE))
        return readConfig(flags, context.environment)
      },
      logger,
      apply: (next, changed) => {
        setLevels(next)
        return [...OF_THE_PROCESS, ...server.reload(next, changed)]
      },
    })
    const failure = await start(server, controlled(reload, stop, output), config, logger)
    if (failure !== undefined) return notStarted(failure, output, logger, context)
    hangup.begin(() => void reload.run())
    const signal = await stop.requested
    hangup.end()
    return await shutDown(server, reload.config.shutdownGraceSec, signal, logger)
  } finally {
    stop.ignore()
    hangup.ignore()
    context.signals.off('uncaughtException', onDefect)
    rareLines.close()
  }
}

function notStarted(
  failure: string,
  output: LogTail,
  logger: ReturnType<typeof createLogger>,
  context: CommandContext,
): number {
  // Who looks at a terminal sees both.
  if (!output.isTerminal) logger.error({}, failure)
  context.printError(`leveret: ${failure}`)
  return ExitCode.failure
}

/** What `leveret ctl` may ask of the process. */
function controlled(reload: Reload, stop: StopRequest, output: LogTail): ControlledProcess {
  return {
    effectiveConfig: () => shownConfig(reload.config),
    reload: async () => reload.run(),
    stop: () => stop.request('leveret ctl'),
    recentLines: (count) => output.recent(count),
    followLines: (onLine) => output.follow(onLine),
  }
}

async function shutDown(
  server: ServedServer,
  graceSec: number,
  signal: string,
  logger: ReturnType<typeof createLogger>,
): Promise<number> {
  logger.info({ signal, graceSec }, 'stopping: clients are told to close')
  const graceMs = graceSec * 1000
  if (await withinTime(server.shutdown({ graceMs }), graceMs + OVERTIME_MS)) {
    logger.info({}, 'stopped')
    return ExitCode.done
  }
  logger.error({}, 'the broker did not stop in time')
  return ExitCode.failure
}

/** Opens the store, then the listeners; why that cannot be, or undefined when it is done. */
async function start(
  server: ServedServer,
  process: ControlledProcess,
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
    await server.openHttpDoors(process.effectiveConfig)
    await server.openControl(process)
    logListening(logger, addresses)
    return undefined
  } catch (error) {
    await server.shutdown({ graceMs: 0 })
    return error instanceof DefinitionsError ? error.message : listenFailure(error)
  }
}
