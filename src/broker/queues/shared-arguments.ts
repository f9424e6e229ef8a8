/** Many queues have equal arguments: they share one table of them, and the settings that these make. */
import { encodeFieldTable, type FieldTable } from '../../../protocol/field-table.ts'
import { type QueueSettings, queueSettings } from './queue-arguments.ts'

/** So many tables are remembered at a time, and only small ones: they are counted nowhere. */
const REMEMBERED_MAX = 64
const BYTES_MAX = 1024

interface Shared {
  readonly arguments: FieldTable
  readonly settings: QueueSettings
}

export class SharedArguments {
  readonly #byText = new Map<string, Shared>()

  /** These arguments, or equal ones that another queue has. */
  of(queueArguments: FieldTable): Shared {
    const text = queueArguments.size === 0 ? '' : encodeFieldTable(queueArguments).toString('latin1')
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    const shared = { arguments: queueArguments, settings: queueSettings(queueArguments) }
    if (text.length > BYTES_MAX) return shared
    if (this.#byText.size === REMEMBERED_MAX) this.#byText.clear()
    this.#byText.set(text, shared)
    return shared
  }
}
