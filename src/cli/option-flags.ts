import type { Options } from 'yargs'
import { environmentNames, flagName, OPTION_NAMES, type OptionName, optionRow } from '../../config/options.ts'

/** The option table as yargs wants it. Every value is taken as text: its meaning is config/'s business. */
export function optionFlags(): Record<string, Options> {
  return Object.fromEntries(OPTION_NAMES.map((name) => [flagName(name), flagOptions(name)]))
}

/** Which options the command line sets, from what yargs made of it. */
export function givenFlags(parsed: Readonly<Record<string, unknown>>): Map<OptionName, string> {
  const flags = new Map<OptionName, string>()
  for (const name of OPTION_NAMES) {
    // Given several times, the last one counts.
    const value = [parsed[flagName(name)]].flat().at(-1)
    // A switch without a value is on.
    if (value !== undefined) flags.set(name, value === '' && optionRow(name).isSwitch ? 'true' : String(value))
  }
  return flags
}

function flagOptions(name: OptionName): Options {
  const row = optionRow(name)
  const names = environmentNames(name).join(', ')
  return {
    group: `${row.group}:`,
    description: `${row.doc} (${row.parser.allowed}) [env: ${names}]`,
    defaultDescription: row.defaultText ?? String(row.defaultValue),
    type: 'string',
    requiresArg: row.isSwitch !== true,
  }
}
