/** Many queues have equal arguments: they share one table of them, and the settings that it makes with each policy. */
import { encodeFieldTable, type FieldTable } from '../../../protocol/field-table.ts'
import { type QueueSettings, queueSettings } from './queue-arguments.ts'

/** So many tables are remembered at a time, and only small ones: they are counted nowhere. */
const REMEMBERED_MAX = 64
const BYTES_MAX = 1024
/** Policies that one table is remembered with. */
const POLICIES_MAX = 64

/** What applies to a queue beside its arguments, as a table by the keys of policies. */
export interface PolicyFields {
  readonly fields: FieldTable
}

export class SharedArguments {
  readonly #byText = new Map<string, FieldTable>()
  readonly #settings = new Map<FieldTable, Map<PolicyFields, QueueSettings>>()

  /** These arguments, or equal ones that another queue has. */
  of(queueArguments: FieldTable): FieldTable {
    if (this.#settings.has(queueArguments)) return queueArguments
    const text = queueArguments.size === 0 ? '' : encodeFieldTable(queueArguments).toString('latin1')
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    if (text.length > BYTES_MAX) return queueArguments
    if (this.#byText.size === REMEMBERED_MAX) {
      this.#byText.clear()
      this.#settings.clear()
    }
    this.#byText.set(text, queueArguments)
    this.#settings.set(queueArguments, new Map())
    return queueArguments
  }

  /** The settings of a queue with these arguments, to which this policy applies. */
  settings(queueArguments: FieldTable, policy: PolicyFields): QueueSettings {
    const shared = this.of(queueArguments)
    const byPolicy = this.#settings.get(shared)
    const known = byPolicy?.get(policy)
    if (known !== undefined) return known
    const settings = queueSettings(shared, policy.fields)
    if (byPolicy?.size === POLICIES_MAX) byPolicy.clear()
    byPolicy?.set(policy, settings)
    return settings
  }
}
