// Options as a config file says them: what is shown of a broker is what its file may have. Comments say what no file has: secrets,
// and what is not set.
import { isDeepStrictEqual } from 'node:util'
import { withoutLogin } from '../src/lib/url-login.ts'
import { confLine } from './conf-text.ts'
import { type Config, fileKeys, flagName, OPTION_NAMES, type OptionName, optionRow } from './options.ts'

/** One line for each of these options, in the order of the table. */
export function shownConfig(values: Partial<Config>): string {
  const names = OPTION_NAMES.filter((name) => Object.hasOwn(values, name))
  return names.map((name) => `${shownOption(name, values[name])}\n`).join('')
}

export function shownOption(name: OptionName, value: unknown): string {
  const { isOutsideFile, isSecret, parser } = optionRow(name)
  const [key = flagName(name)] = fileKeys(name)
  if (value === undefined) return `# ${key} is not set`
  if (isSecret) return `# ${key} is hidden`
  const printed = parser.print(value)
  const text = withoutLogin(printed)
  const line = confLine(key, text)
  // A program may give its server what the option does not take.
  const isAllowed = line !== undefined && isDeepStrictEqual(parser.parse(printed), value)
  if (!isAllowed) return `# ${key} is ${JSON.stringify(text)}, which no file can say`
  return isOutsideFile || text !== printed ? `# ${line}` : line
}
