import { type Logger as PinoLogger, pino } from 'pino'
import type { Config } from '../../config/options.ts'
import { prettyLine } from './pretty-line.ts'

/** Where log lines go: standard output, or a test's own list. */
export interface LogOutput {
  write(line: string): void
  /** Resolves when all lines are written, in their order. */
  flush(): Promise<void>
  /** For a process that ends at once: nothing is lost, but the last lines may swap places. */
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
  // With a minimum of 0, pino's destination would not wait in `flush`.
  const output = pino.destination({ dest: 1, sync: false, minLength: 1 })
  return {
    write: (line) => void output.write(line),
    // A terminal or a pipe cannot be synced to a disk: that error says nothing.
    flush: () => new Promise((resolve) => output.flush(() => resolve())),
    flushSync: () => output.flushSync(),
  }
}
