/** The policies of a virtual host, and which of them apply. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import type { QueueTypeName } from '../queues/argument-table.ts'
import type { PolicyFields } from '../queues/shared-arguments.ts'
import type { ApplyTo, Policy, PolicyDefinition, PolicyKind } from './policy.ts'
import { mergedValue, type PolicyValue } from './policy-keys.ts'

export type PolicyTarget =
  | { readonly kind: 'queue'; readonly name: string; readonly type: QueueTypeName }
  | { readonly kind: 'exchange'; readonly name: string }

/** What applies to a queue or an exchange. All that the same policies apply to share it. */
export class EffectivePolicy implements PolicyFields {
  readonly policy: Policy | undefined
  readonly operatorPolicy: Policy | undefined
  /** What both of them set. */
  readonly definition: PolicyDefinition
  /** The same as a table. */
  readonly fields: FieldTable

  constructor(policy: Policy | undefined, operatorPolicy: Policy | undefined) {
    this.policy = policy
    this.operatorPolicy = operatorPolicy
    this.definition = merged(policy?.definition ?? {}, operatorPolicy?.definition ?? {})
    this.fields = fieldTable(this.definition as PlainTable) // the values that pass the checks are texts and numbers
  }

  /** The alternate exchange of the exchanges that name none themselves. */
  get alternateExchange(): string | undefined {
    return this.definition['alternate-exchange'] as string | undefined // it passed the checks
  }
}

const QUEUES_OF_TYPE: Readonly<Record<QueueTypeName, ApplyTo>> = {
  classic: 'classic_queues',
  quorum: 'quorum_queues',
  stream: 'streams',
}

const QUORUM_KEYS = ['delivery-limit', 'dead-letter-strategy', 'max-in-memory-length', 'max-in-memory-bytes']
const STREAM_KEYS = ['max-age', 'stream-max-segment-size-bytes', 'initial-cluster-size']
const QUEUE_KEYS = [
  'expires',
  'message-ttl',
  'dead-letter-exchange',
  'dead-letter-routing-key',
  'max-length',
  'overflow',
]

/** A policy does not apply to a queue at all when it sets any of these: they mean nothing for queues of its type. */
const KEYS_OF_OTHERS: Readonly<Record<QueueTypeName, readonly string[]>> = {
  classic: [...STREAM_KEYS, ...QUORUM_KEYS],
  quorum: [...STREAM_KEYS, 'queue-mode'],
  stream: [...QUEUE_KEYS, ...QUORUM_KEYS, 'queue-mode'],
}

export const NO_POLICY = new EffectivePolicy(undefined, undefined)

export class PolicySet {
  /** By priority, the highest first. */
  readonly #policies: Record<PolicyKind, readonly Policy[]> = { policy: [], 'operator policy': [] }
  readonly #effective = new PolicyPairs()

  /** Of both kinds. */
  get size(): number {
    return this.#policies.policy.length + this.#policies['operator policy'].length
  }

  /** Takes the place of an earlier one of the same name. */
  put(kind: PolicyKind, policy: Policy): void {
    this.#policies[kind] = [...this.#without(kind, policy.name), policy].sort(byPriority)
  }

  /** The policy that was removed; undefined when there is none of that name. */
  remove(kind: PolicyKind, name: string): Policy | undefined {
    const policy = this.policy(kind, name)
    this.#policies[kind] = this.#without(kind, name)
    return policy
  }

  policy(kind: PolicyKind, name: string): Policy | undefined {
    return this.#policies[kind].find((policy) => policy.name === name)
  }

  policies(kind: PolicyKind): readonly Policy[] {
    return this.#policies[kind]
  }

  /** Of each kind, the first that applies. */
  effective(target: PolicyTarget): EffectivePolicy {
    if (this.size === 0) return NO_POLICY
    const isMeant = (policy: Policy): boolean => applies(policy, target)
    return this.#effective.of(this.#policies.policy.find(isMeant), this.#policies['operator policy'].find(isMeant))
  }

  #without(kind: PolicyKind, name: string): Policy[] {
    return this.#policies[kind].filter((policy) => policy.name !== name)
  }
}

/** Which of several with the same priority applies is not defined in RabbitMQ; here it is the first by name. */
function byPriority(a: Policy, b: Policy): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  return a.name < b.name ? -1 : 1
}

function applies({ applyTo, definition, matcher }: Policy, target: PolicyTarget): boolean {
  if (target.kind === 'exchange') {
    return (applyTo === 'all' || applyTo === 'exchanges') && matcher.test(target.name)
  }
  if (applyTo !== 'all' && applyTo !== 'queues' && applyTo !== QUEUES_OF_TYPE[target.type]) return false
  if (KEYS_OF_OTHERS[target.type].some((key) => Object.hasOwn(definition, key))) return false
  return matcher.test(target.name)
}

function merged(definition: PolicyDefinition, byOperator: PolicyDefinition): PolicyDefinition {
  const both: Record<string, PolicyValue> = { ...definition }
  for (const [key, value] of Object.entries(byOperator)) {
    const own = both[key]
    both[key] = own === undefined ? value : mergedValue(key, own, value)
  }
  return both
}

const NONE = {}

/** What two policies come to: the same for the same two, as long as there are both. */
class PolicyPairs {
  readonly #pairs = new WeakMap<object, WeakMap<object, EffectivePolicy>>()

  of(policy: Policy | undefined, operatorPolicy: Policy | undefined): EffectivePolicy {
    if (policy === undefined && operatorPolicy === undefined) return NO_POLICY
    const first = policy ?? NONE
    let pairs = this.#pairs.get(first)
    if (pairs === undefined) {
      pairs = new WeakMap()
      this.#pairs.set(first, pairs)
    }
    const second = operatorPolicy ?? NONE
    let effective = pairs.get(second)
    if (effective === undefined) {
      effective = new EffectivePolicy(policy, operatorPolicy)
      pairs.set(second, effective)
    }
    return effective
  }
}
