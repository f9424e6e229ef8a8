/**
 * The policies of a virtual host at work. A queue or an exchange gets what applies to it when it is declared, and anew when the
 * policies change: at once where there are few, else turn by turn.
 */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { doForEach } from '../../lib/do-all.ts'
import { refuse } from '../errors.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import { policyBytes } from '../memory/topology-bytes.ts'
import type { TopologyMemory } from '../memory/topology-memory.ts'
import type { Queue } from '../queues/queue.ts'
import { areEqualSettings, type QueueSettings } from '../queues/queue-arguments.ts'
import { queueType } from '../queues/queue-kinds.ts'
import type { SharedArguments } from '../queues/shared-arguments.ts'
import type { LongWork } from '../scheduling/long-work.ts'
import { makePolicy, POLICY_KINDS, type Policy, type PolicyKind, type PolicyRequest } from './policy.ts'
import { type EffectivePolicy, PolicySet } from './policy-set.ts'

/** Every declaration of a queue or an exchange looks at all of them. */
const POLICIES_MAX = 1000

/** Patterns that are tried between two looks at the clock. */
const STEP_PATTERNS = 16
/** So many are tried before the call returns that has changed a policy. */
const AT_ONCE_PATTERNS = 256

/** What policies apply to. */
export interface PolicyTargets {
  readonly name: string
  readonly topology: TopologyMemory
  readonly routes: { version: number }
  readonly longWork: LongWork
  exchanges(): Iterable<Exchange>
  queues(): Iterable<Queue>
}

/** Where policies are kept. */
export interface PolicyRecords {
  policySet(vhost: string, kind: PolicyKind, policy: Policy): void
  policyRemoved(vhost: string, kind: PolicyKind, name: string): void
  /** Removes the record of one that made no sense at the start; false when there is none. */
  refusedPolicyRemoved(vhost: string, kind: PolicyKind, name: string): boolean
}

export class VhostPolicies {
  readonly #vhost: PolicyTargets
  readonly #shared: SharedArguments
  readonly #records: PolicyRecords
  readonly #set = new PolicySet()
  /** What goes through queues and exchanges after the last change, while it does. */
  #pass: Iterator<Exchange | Queue> | undefined
  #whenApplied: (() => void)[] = []

  constructor(vhost: PolicyTargets, shared: SharedArguments, records: PolicyRecords) {
    this.#vhost = vhost
    this.#shared = shared
    this.#records = records
  }

  /** Takes the place of an earlier one of the same name. Throws BrokerError that tells of all that is wrong with it. */
  set(kind: PolicyKind, name: string, request: PolicyRequest): void {
    this.put(kind, makePolicy(kind, name, request))
  }

  /** The same with a policy that has passed its checks. */
  put(kind: PolicyKind, policy: Policy): void {
    const { name } = policy
    const isNew = this.#set.policy(kind, name) === undefined
    if (isNew && this.#set.policies(kind).length >= POLICIES_MAX) {
      throw refuse.tooManyPolicies(kind, name, this.#vhost.name, POLICIES_MAX)
    }
    this.#forget(kind, name)
    this.#set.put(kind, policy)
    this.#vhost.topology.add(policyBytes(policy))
    this.#records.policySet(this.#vhost.name, kind, policy)
    this.#apply()
  }

  /** False when there is none of that name. */
  remove(kind: PolicyKind, name: string): boolean {
    if (!this.#forget(kind, name)) return this.#records.refusedPolicyRemoved(this.#vhost.name, kind, name)
    this.#records.policyRemoved(this.#vhost.name, kind, name)
    this.#apply()
    return true
  }

  /** Removes all of them. */
  clear(): void {
    if (this.#set.size === 0) return
    for (const kind of POLICY_KINDS) {
      for (const { name } of this.#set.policies(kind)) {
        this.#forget(kind, name)
        this.#records.policyRemoved(this.#vhost.name, kind, name)
      }
    }
    this.#apply()
  }

  policy(kind: PolicyKind, name: string): Policy | undefined {
    return this.#set.policy(kind, name)
  }

  /** The highest priority first. */
  policies(kind: PolicyKind): readonly Policy[] {
    return this.#set.policies(kind)
  }

  ofQueue({ name, arguments: queueArguments }: Pick<Queue, 'name' | 'arguments'>): EffectivePolicy {
    return this.#set.effective({ kind: 'queue', name, type: queueType(queueArguments) })
  }

  ofExchange({ name }: Pick<Exchange, 'name'>): EffectivePolicy {
    return this.#set.effective({ kind: 'exchange', name })
  }

  /** What a queue of this name does by its arguments and by policy. */
  queueSettings(name: string, queueArguments: FieldTable): QueueSettings {
    return this.#shared.settings(queueArguments, this.ofQueue({ name, arguments: queueArguments }))
  }

  applyToExchange(exchange: Exchange): void {
    if (exchange.useAlternate(this.ofExchange(exchange).alternateExchange)) this.#vhost.routes.version++
  }

  /** Calls back when every queue and every exchange goes on by the policies that there are now. */
  whenApplied(callback: () => void): void {
    if (this.#pass === undefined) callback()
    else this.#whenApplied.push(callback)
  }

  #forget(kind: PolicyKind, name: string): boolean {
    const policy = this.#set.remove(kind, name)
    if (policy === undefined) return false
    this.#vhost.topology.remove(policyBytes(policy))
    return true
  }

  #apply(): void {
    const pass = allOf(this.#vhost.exchanges(), this.#vhost.queues())
    this.#pass = pass
    const step = (patterns: number): boolean => {
      // A later change has begun at the first one again.
      if (this.#pass !== pass) return true
      for (let left = patterns; left > 0; left -= 1 + this.#set.size) {
        const next = pass.next()
        if (next.done === true) {
          this.#applied()
          return true
        }
        this.#applyTo(next.value)
      }
      return false
    }
    let isDone = false
    try {
      isDone = step(AT_ONCE_PATTERNS)
    } finally {
      // What cannot go on by its policies is passed over: the others do.
      if (!isDone) this.#vhost.longWork.startSure(STEP_PATTERNS, step, () => {})
    }
  }

  #applyTo(target: Exchange | Queue): void {
    if (target.kind === 'exchange') {
      this.applyToExchange(target)
      return
    }
    const settings = this.queueSettings(target.name, target.arguments)
    if (!target.isDeleted && !areEqualSettings(target.settings, settings)) target.applySettings(settings)
  }

  #applied(): void {
    this.#pass = undefined
    const waiting = this.#whenApplied
    this.#whenApplied = []
    doForEach(waiting, (callback) => callback())
  }
}

/** What is declared meanwhile may come, too; what is deleted does not. */
function* allOf(exchanges: Iterable<Exchange>, queues: Iterable<Queue>): Generator<Exchange | Queue, undefined> {
  yield* exchanges
  yield* queues
}
