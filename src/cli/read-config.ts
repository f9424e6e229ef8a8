import { readFileSync } from 'node:fs'
import type { OptionName } from '../../config/options.ts'
import { configFilePath, type Resolution, resolveConfig } from '../../config/resolve.ts'

/** All settings, from the flags, the environment and the config file that one of them names. */
export function readConfig(
  flags: ReadonlyMap<OptionName, string>,
  environment: Readonly<Record<string, string | undefined>>,
): Resolution {
  const name = configFilePath({ flags, environment })
  if (name === undefined) return resolveConfig({ flags, environment })
  try {
    return resolveConfig({ flags, environment, file: { name, text: readFileSync(name, 'utf8') } })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const others = resolveConfig({ flags, environment })
    const errors = [`the config file cannot be read: ${reason}`, ...(others.isValid ? [] : others.errors)]
    return { isValid: false, errors, warnings: others.warnings }
  }
}
