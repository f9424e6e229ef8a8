import { type Logger as PinoLogger, pino } from 'pino'
import type { Config } from '../../../config/options.ts'
import { printableJson } from '../../lib/printable.ts'
import { redacted } from '../../lib/redacted.ts'
import type { LogOutput } from './log-output.ts'
import { prettyLine } from './pretty-line.ts'

/** What must never show, however deep a careless caller puts it. */
const SECRETS = ['password', 'pass', 'defaultPass', 'secret', 'token', 'payload', 'body'].flatMap((name) => [
  name,
  `*.${name}`,
])

type LogLevels = Pick<Config, 'logLevel'> & Partial<Pick<Config, 'logFileLevel'>>
type LogConfig = LogLevels & Pick<Config, 'logFormat'>

interface Log {
  readonly logger: PinoLogger
  /** From the next line on. */
  setLevels(levels: LogLevels): void
}

export function createLogger(config: LogConfig, output: LogOutput): PinoLogger {
  return createLog(config, output).logger
}

/** Lines go to the output and, if there is one, to the file; each takes those of its level and above. */
export function createLog(config: LogConfig, output: LogOutput, file?: LogOutput): Log {
  const places = [placeOf(output, config), ...(file === undefined ? [] : [placeOf(file, config)])]
  const destination = {
    // Has pino tell the level of each line.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string): void {
      for (const place of places) if (this.lastLevel >= place.level) place.write(line)
    },
  }
  const logger = pino(
    {
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '(hidden)' },
    },
    destination,
  )
  const setLevels = ({ logLevel, logFileLevel = 'info' }: LogLevels): void => {
    const levels = [logLevel, logFileLevel].slice(0, places.length)
    for (const [at, place] of places.entries()) place.level = numberOf(levels[at] ?? logLevel)
    logger.level = levels.reduce((one, other) => (numberOf(one) <= numberOf(other) ? one : other))
  }
  setLevels(config)
  const onDropped = (lines: number): void =>
    logger[logger.isLevelEnabled('warn') ? 'warn' : 'error'](
      { lines },
      'lines are missing here: the log could not be written',
    )
  output.onDropped = onDropped
  if (file !== undefined) file.onDropped = onDropped
  return { logger, setLevels }
}

function placeOf(output: LogOutput, { logFormat }: LogConfig) {
  const isPretty = logFormat === 'pretty' || (logFormat === 'auto' && output.isTerminal)
  const write = isPretty
    ? (line: string): void => output.write(prettyLine(redacted(line)))
    : (line: string): void => output.write(printableJson(redacted(line)))
  return { level: 0, write }
}

function numberOf(level: Config['logLevel']): number {
  return pino.levels.values[level] ?? Number.POSITIVE_INFINITY
}
