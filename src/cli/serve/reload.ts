/** Reads the options again while the broker runs: what can change then changes, and the log says what waits for a restart. */
import { isDeepStrictEqual } from 'node:util'
import { type Config, flagName, OPTION_NAMES, type OptionName } from '../../../config/options.ts'
import type { Resolution } from '../../../config/resolve.ts'
import type { ReloadReport } from '../../http/control-routes.ts'
import type { Logger } from '../../lib/logger.ts'
import { shownValue } from './shown-value.ts'

export interface ReloadParts {
  readonly config: Config
  readonly read: () => Resolution
  readonly logger: Logger
  /** Takes over what can change while the broker runs, and returns which of the changed options that are. */
  readonly apply: (config: Config, changed: readonly OptionName[]) => readonly OptionName[]
}

export class Reload {
  readonly #parts: ReloadParts
  /** As the broker runs now. */
  #config: Config

  constructor(parts: ReloadParts) {
    this.#parts = parts
    this.#config = parts.config
  }

  get config(): Config {
    return this.#config
  }

  /** Options that make no sense change nothing. */
  run(): ReloadReport {
    const { read, logger, apply } = this.#parts
    const resolution = read()
    if (!resolution.isValid) {
      for (const problem of resolution.errors) logger.error({}, `the options stay as they are: ${problem}`)
      return { applied: [], needRestart: [], problems: resolution.errors }
    }
    for (const warning of resolution.warnings) logger.warn({}, warning)
    const before = this.#config
    const { config } = resolution
    const changed = OPTION_NAMES.filter((name) => !isDeepStrictEqual(config[name], before[name]))
    const taken = new Set(apply(config, changed))
    const applied = changed.filter((name) => taken.has(name))
    const needRestart = changed.filter((name) => !taken.has(name))
    this.#config = { ...before, ...Object.fromEntries(applied.map((name) => [name, config[name]])) }
    for (const name of applied) logger.info(change(name, before, config), 'an option has another value now')
    for (const name of needRestart)
      logger.warn(change(name, before, config), 'an option will have another value after a restart')
    if (changed.length === 0) logger.info({}, 'the options are as they were')
    return { applied: applied.map(flagName), needRestart: needRestart.map(flagName), problems: [] }
  }
}

function change(name: OptionName, before: Config, after: Config): object {
  return { option: flagName(name), before: shownValue(name, before[name]), value: shownValue(name, after[name]) }
}
