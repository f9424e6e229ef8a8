import { withoutLogin } from '../src/lib/url-login.ts'
import { contradictions } from './contradictions.ts'
import { environmentSettings } from './environment.ts'
import { fileSettings } from './file-settings.ts'
import { type Config, flagName, OPTION_NAMES, type OptionName, optionRow } from './options.ts'
import type { Setting, Settings } from './settings.ts'

/** Where values come from, strongest first; an option that none of them sets has its default. */
export interface Sources {
  /** Flags as they were typed, by option. */
  readonly flags: ReadonlyMap<OptionName, string>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly name: string; readonly text: string }
}

export type Resolution =
  | { readonly isValid: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly isValid: false; readonly errors: readonly string[]; readonly warnings: readonly string[] }

/** Reports every error there is, not only the first. */
export function resolveConfig({ flags, environment, file }: Sources): Resolution {
  const sources = [flagSettings(flags), environmentSettings(environment)]
  if (file !== undefined) sources.push(fileSettings(file.name, file.text))
  const errors = sources.flatMap((source) => source.errors)
  const warnings = sources.flatMap((source) => source.warnings)
  const values: Partial<Record<OptionName, unknown>> = {}
  for (const name of OPTION_NAMES) {
    const setting = strongest(name, sources)
    const value = setting === undefined ? optionRow(name).defaultValue : optionRow(name).parser.parse(setting.text)
    if (setting !== undefined && value === undefined) errors.push(refusal(name, setting))
    values[name] = value
  }
  if (errors.length > 0) return { isValid: false, errors, warnings }
  // Each value came out of the parser of its own row, or is the row's default.
  const config = values as Config
  const together = contradictions(config)
  return together.length > 0 ? { isValid: false, errors: together, warnings } : { isValid: true, config, warnings }
}

/** The config file to read, known before everything else is. */
export function configFilePath({ flags, environment }: Pick<Sources, 'flags' | 'environment'>): string | undefined {
  return strongest('config', [flagSettings(flags), environmentSettings(environment)])?.text
}

function flagSettings(flags: ReadonlyMap<OptionName, string>): Settings {
  const values = new Map<OptionName, Setting>()
  for (const [name, text] of flags) values.set(name, { text, origin: `--${flagName(name)}` })
  return { values, errors: [], warnings: [] }
}

function strongest(name: OptionName, sources: readonly Settings[]): Setting | undefined {
  return sources.find((source) => source.values.has(name))?.values.get(name)
}

function refusal(name: OptionName, setting: Setting): string {
  const { isSecret, parser } = optionRow(name)
  const origin = setting.origin.startsWith('--') ? setting.origin : `${flagName(name)} (${setting.origin})`
  const shown = isSecret ? 'not allowed' : `'${withoutLogin(setting.text)}'`
  return `${origin} is ${shown}: must be ${parser.allowed}`
}
