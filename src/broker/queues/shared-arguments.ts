/** Many queues have equal arguments: they share one table of them, and with it the settings that these make. */
import { encodeFieldTable, type FieldTable } from '../../../protocol/field-table.ts'

/** So many tables are remembered at a time, and only small ones: they are counted nowhere. */
const REMEMBERED_MAX = 64
const BYTES_MAX = 1024

export class SharedArguments {
  readonly #byText = new Map<string, FieldTable>()
  #last: FieldTable | undefined

  /** These arguments, or equal ones that another queue has. */
  of(queueArguments: FieldTable): FieldTable {
    // A restart makes queue after queue with the same table.
    if (queueArguments !== this.#last) this.#last = this.#shared(queueArguments)
    return this.#last
  }

  #shared(queueArguments: FieldTable): FieldTable {
    const text = queueArguments.size === 0 ? '' : encodeFieldTable(queueArguments).toString('latin1')
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    if (text.length > BYTES_MAX) return queueArguments
    if (this.#byText.size === REMEMBERED_MAX) this.#byText.clear()
    this.#byText.set(text, queueArguments)
    return queueArguments
  }
}
