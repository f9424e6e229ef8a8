/** The arguments of consumers. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { integer, notNegative } from './argument-checks.ts'
import { type ArgumentTable, asNumber, checkArguments, type Settings, settingsOf } from './argument-table.ts'
import type { Queue } from './queue.ts'

const PRIORITY_MIN = -(2n ** 31n)
const PRIORITY_MAX = 2n ** 31n - 1n

const CONSUMER_ARGUMENTS = {
  'x-priority': {
    types: ['classic', 'quorum'],
    check: integer((value) => {
      if (value < PRIORITY_MIN) return `{value_too_small,${value}}`
      return value > PRIORITY_MAX ? `{value_too_large,${value}}` : undefined
    }),
    setting: 'priority',
    read: asNumber,
    default: 0,
  },
  'x-consumer-timeout': {
    types: ['classic', 'quorum'],
    check: integer(notNegative),
    setting: 'timeoutMs',
    read: asNumber,
  },
  'x-stream-offset': { types: ['stream'] },
  'x-stream-filter': { types: ['stream'] },
  'x-stream-match-unfiltered': { types: ['stream'] },
} as const satisfies ArgumentTable

export type ConsumerSettings = Settings<typeof CONSUMER_ARGUMENTS>

const settings: (all: FieldTable) => ConsumerSettings = settingsOf(CONSUMER_ARGUMENTS, () => 'classic')

/** The settings that a consumer's arguments make. Throws BrokerError when one of them makes no sense for the queue. */
export function consumerSettings(all: FieldTable, { name, vhostName, type }: Queue): ConsumerSettings {
  checkArguments(CONSUMER_ARGUMENTS, type, ['queue', name, vhostName], all)
  return settings(all)
}
