import type { Config } from '../../config/options.ts'
import type { LogOutput } from './log/log-output.ts'
import type { createLogger } from './log/logging.ts'
import type { ServedServer } from './served-server.ts'

/** The process around a command; tests bring their own. */
export interface CommandContext {
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
