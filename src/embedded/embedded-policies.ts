/** The policies, or the operator policies, of a virtual host, for code in this process. */
import type { ApplyTo, Policy, PolicyDefinition, PolicyKind } from '../broker/policies/policy.ts'
import type { Vhost } from '../broker/vhost.ts'
import { type Check, type Checks, checkOptions } from '../lib/checks.ts'
import { checkName } from './declarations.ts'
import { durable } from './durable.ts'

export interface PolicyOptions {
  /**
   * A regular expression for the names that it applies to, in the syntax of RE2, up to 1024 characters. It is found anywhere in a
   * name, unless it says where: `^orders\.`.
   */
  readonly pattern: string
  /** RabbitMQ's keys: `{ 'max-length': 1000, 'dead-letter-exchange': 'dlx' }`. */
  readonly definition: PolicyDefinition
  /** Of all that fit, the one with the highest priority applies, and no other. Default 0. */
  readonly priority?: number
  /** Default `all`: queues and exchanges. */
  readonly applyTo?: ApplyTo
}

export interface PolicyInfo extends Required<PolicyOptions> {
  readonly name: string
}

/** RabbitMQ's checks look at the values. */
const looksAtIt: Check = () => {}

const POLICY_CHECKS: Checks<PolicyOptions> = {
  pattern: looksAtIt,
  definition: looksAtIt,
  priority: looksAtIt,
  applyTo: looksAtIt,
}

/**
 * A change counts for what is declared from then on; its promise resolves when it is durable and in effect for all queues and
 * exchanges that there are.
 */
export class EmbeddedPolicies {
  readonly #kind: PolicyKind
  readonly #requireVhost: () => Vhost

  /** Servers make it: see `EmbeddedBroker.policies` and `operatorPolicies`. */
  constructor(kind: PolicyKind, requireVhost: () => Vhost) {
    this.#kind = kind
    this.#requireVhost = requireVhost
  }

  /**
   * Sets a policy, in place of an earlier one of that name. Rejects with BrokerError `precondition-failed`, which tells of all that
   * is wrong with it, and when there are 1000 others already.
   */
  async set(name: string, options: PolicyOptions): Promise<void> {
    checkName(name, 'the name of the policy')
    checkOptions('set', options, POLICY_CHECKS)
    const vhost = this.#requireVhost()
    vhost.policies.set(this.#kind, name, options)
    await inEffect(vhost)
  }

  /** False when there is none of that name. */
  async delete(name: string): Promise<boolean> {
    const vhost = this.#requireVhost()
    const isRemoved = vhost.policies.remove(this.#kind, name)
    await inEffect(vhost)
    return isRemoved
  }

  get(name: string): PolicyInfo | undefined {
    const policy = this.#requireVhost().policies.policy(this.#kind, name)
    return policy === undefined ? undefined : policyInfo(policy)
  }

  /** The highest priority first. */
  list(): PolicyInfo[] {
    return this.#requireVhost().policies.policies(this.#kind).map(policyInfo)
  }
}

function policyInfo({ name, pattern, definition, priority, applyTo }: Policy): PolicyInfo {
  return { name, pattern, definition: { ...definition }, priority, applyTo }
}

async function inEffect(vhost: Vhost): Promise<void> {
  await new Promise<void>((resolve) => {
    vhost.policies.whenApplied(resolve)
  })
  await durable(vhost.journal)
}
