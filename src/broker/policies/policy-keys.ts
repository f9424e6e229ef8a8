/** What policies can set: which values RabbitMQ allows, and what counts when an operator policy sets it as well. */
import { lowerLimit } from '../queues/argument-table.ts'

/** As JSON has them. */
export type PolicyValue =
  | string
  | number
  | boolean
  | null
  | readonly PolicyValue[]
  | { readonly [key: string]: PolicyValue }

export interface PolicyKey {
  readonly isValid: (value: PolicyValue) => boolean
  /** What the value is not, in RabbitMQ's words. */
  readonly what: string
  /** Operator policies may set it, too: of both values the lower counts, or that of the operator. */
  readonly operator?: 'lower' | 'operator'
}

const isText = (value: PolicyValue): boolean => typeof value === 'string'
/** One that a number holds exactly: others would be settings that nothing can keep to. */
const isInteger = (value: PolicyValue): value is number => Number.isSafeInteger(value)

const atLeast =
  (min: number, max = Number.POSITIVE_INFINITY) =>
  (value: PolicyValue): boolean =>
    isInteger(value) && value >= min && value <= max

const oneOf =
  (...values: readonly PolicyValue[]) =>
  (value: PolicyValue): boolean =>
    values.includes(value)

/** A number and a unit: years, months, days, hours, minutes or seconds. */
const isAge = (value: PolicyValue): boolean => typeof value === 'string' && /^\d+[YMDhms]$/.test(value)

const POLICY_KEYS: Readonly<Record<string, PolicyKey>> = {
  'alternate-exchange': { isValid: isText, what: 'alternate exchange name' },
  'consumer-timeout': { isValid: atLeast(0), what: 'consumer timeout' },
  'dead-letter-exchange': { isValid: isText, what: 'dead letter exchange name' },
  'dead-letter-routing-key': { isValid: isText, what: 'dead letter routing key' },
  'dead-letter-strategy': { isValid: oneOf('at-most-once', 'at-least-once'), what: 'dead letter strategy' },
  'message-ttl': { isValid: atLeast(0), what: 'message TTL', operator: 'lower' },
  expires: { isValid: atLeast(1), what: 'queue expiry', operator: 'lower' },
  'max-length': { isValid: atLeast(0), what: 'maximum length', operator: 'lower' },
  'max-length-bytes': { isValid: atLeast(0), what: 'maximum length in bytes', operator: 'lower' },
  'max-in-memory-length': { isValid: atLeast(0), what: 'maximum memory in bytes', operator: 'lower' },
  'max-in-memory-bytes': { isValid: atLeast(0), what: 'maximum memory in bytes', operator: 'lower' },
  'queue-mode': { isValid: oneOf('default', 'lazy'), what: 'queue-mode value' },
  'queue-version': { isValid: oneOf(1, 2), what: 'queue-version value', operator: 'operator' },
  overflow: {
    isValid: oneOf('drop-head', 'reject-publish', 'reject-publish-dlx'),
    what: 'overflow value',
    operator: 'operator',
  },
  // Below zero is no limit.
  'delivery-limit': { isValid: isInteger, what: 'delivery limit', operator: 'lower' },
  'delayed-retry-type': {
    isValid: oneOf('disabled', 'all', 'failed', 'returned'),
    what: 'delayed retry type',
    operator: 'operator',
  },
  'delayed-retry-min': { isValid: atLeast(0), what: 'delayed retry minimum', operator: 'operator' },
  'delayed-retry-max': { isValid: atLeast(0), what: 'delayed retry maximum', operator: 'operator' },
  'max-age': { isValid: isAge, what: 'max age' },
  'stream-max-segment-size-bytes': { isValid: atLeast(0), what: 'segment size' },
  'stream-filter-size-bytes': { isValid: atLeast(16, 255), what: 'filter size. Valid range is 16-255' },
  'queue-leader-locator': {
    isValid: oneOf('client-local', 'balanced', 'random', 'least-leaders'),
    what: 'queue leader locator value',
  },
  'initial-cluster-size': { isValid: atLeast(0), what: 'cluster size' },
}

export function policyKey(name: string): PolicyKey | undefined {
  return Object.hasOwn(POLICY_KEYS, name) ? POLICY_KEYS[name] : undefined
}

/** What counts when both a policy and an operator policy set it. */
export function mergedValue(name: string, value: PolicyValue, byOperator: PolicyValue): PolicyValue {
  if (policyKey(name)?.operator !== 'lower' || !isInteger(value) || !isInteger(byOperator)) return byOperator
  return lowerLimit(value, byOperator)
}
