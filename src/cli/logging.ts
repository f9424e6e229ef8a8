import { type Logger as PinoLogger, pino } from 'pino'
import type { Config } from '../../config/options.ts'
import { printableJson } from '../lib/printable.ts'
import { redacted } from '../lib/redacted.ts'
import type { LogOutput } from './log-output.ts'
import { prettyLine } from './pretty-line.ts'

/** What must never show, however deep a careless caller puts it. */
const SECRETS = ['password', 'pass', 'defaultPass', 'secret', 'token', 'payload', 'body'].flatMap((name) => [
  name,
  `*.${name}`,
])

export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'>, output: LogOutput): PinoLogger {
  const write = (line: string): void => output.write(printableJson(redacted(line)))
  const isPretty = config.logFormat === 'pretty' || (config.logFormat === 'auto' && output.isTerminal)
  const logger = pino(
    {
      level: config.logLevel,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '(hidden)' },
    },
    { write: isPretty ? (line: string) => output.write(prettyLine(redacted(line))) : write },
  )
  const notice = logger.isLevelEnabled('warn') ? 'warn' : 'error'
  output.onDropped = (lines) => logger[notice]({ lines }, 'lines are missing here: the log could not be written')
  return logger
}
