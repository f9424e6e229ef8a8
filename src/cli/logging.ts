import { type Logger as PinoLogger, pino } from 'pino'
import type { Config } from '../../config/options.ts'
import { prettyLine } from './pretty-line.ts'

/** Where log lines go: standard output, or a test's own list. */
export interface LogOutput {
  write(line: string): void
  /** Writes what is still held back; after it, nothing is lost when the process ends. */
  flushSync(): void
}

/** What must never show, however deep a careless caller puts it. */
const SECRETS = ['password', 'pass', 'defaultPass', 'secret', 'token', 'payload', 'body'].flatMap((name) => [
  name,
  `*.${name}`,
])

export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'>, output: LogOutput): PinoLogger {
  const isPretty = config.logFormat === 'pretty' || (config.logFormat === 'auto' && process.stdout.isTTY)
  return pino(
    {
      level: config.logLevel,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '(hidden)' },
    },
    isPretty ? { write: (line: string) => output.write(prettyLine(line)) } : output,
  )
}

/** Does not make the event loop wait for a slow terminal or a full pipe. */
export function standardOutput(): LogOutput {
  return pino.destination({ dest: 1, sync: false })
}
