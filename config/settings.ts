import type { ConfEntry } from './conf-text.ts'
import type { OptionName } from './options.ts'

/** A value as the operator wrote it, and where. */
export interface Setting {
  readonly text: string
  /** As the errors call it: `--port`, `environment variable LEVERET_PORT`, `port in leveret.conf, line 3`. */
  readonly origin: string
}

/** What one source (flags, environment, file) says. */
export interface Settings {
  readonly values: ReadonlyMap<OptionName, Setting>
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/** What is known of a file while it is read. */
export interface FileReading {
  readonly values: Map<OptionName, Setting>
  readonly errors: string[]
  readonly warnings: string[]
  origin(entry: ConfEntry): string
}

/** Keys that set options together. */
export interface Family {
  readonly key: RegExp
  read(entries: readonly ConfEntry[], reading: FileReading): void
}
