/** Settings that may change while the server runs. */
import { type Checks, checkOptions } from '../lib/checks.ts'
import { CONFIG_CHECKS } from './config-checks.ts'
import type { ServerConfig } from './server-config.ts'

export const CHANGEABLE_SETTINGS = [
  'connectionMax',
  'channelMaxPerNode',
  'consumerMaxPerChannel',
  'consumerMax',
  'vhostMax',
  'queueMax',
  'exchangeMax',
  'bindingMax',
  'channelMax',
  'heartbeatSec',
  'sendTimeoutMs',
  'consumerTimeoutMs',
  'memoryLimitBytes',
  'eventLoopDelayLimitMs',
  'storeDelayLimitMs',
] as const satisfies readonly (keyof ServerConfig)[]

/**
 * What there is stays: a lower limit removes nothing, and connections and channels keep what they were opened with. The units are those
 * of `ServerConfig`.
 */
export type ChangeableConfig = Partial<Pick<ServerConfig, (typeof CHANGEABLE_SETTINGS)[number]>>

const CHECKS = Object.fromEntries(
  CHANGEABLE_SETTINGS.map((name) => [name, CONFIG_CHECKS[name]]),
) as unknown as Checks<ChangeableConfig> // one for each of them

/** Throws RangeError or TypeError, and changes nothing then. */
export function changeConfig(config: ServerConfig, changes: ChangeableConfig): void {
  checkOptions('changeConfig', changes, CHECKS)
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  // The server has the object for itself; everything that it is made of looks there.
  Object.assign(config, Object.fromEntries(given))
}
