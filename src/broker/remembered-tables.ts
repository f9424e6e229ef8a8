/** Field tables by their octets. Many queues and bindings have equal arguments: those share one table, decoded once. */
import type { FieldTable } from '../../protocol/field-table.ts'

/** So many are remembered at a time, and only small ones: they are counted nowhere. */
const REMEMBERED_MAX = 64
const BYTES_MAX = 1024
const NO_FIELDS: FieldTable = new Map()

export class RememberedTables {
  readonly #byOctets = new Map<string, FieldTable>()
  #lastOctets: Buffer = Buffer.alloc(0)
  #last: FieldTable = NO_FIELDS

  /** The table of these octets, which its length is not among; undefined when it is not remembered. */
  of(bytes: Buffer, start: number, end: number): FieldTable | undefined {
    const length = end - start
    if (length === 0) return NO_FIELDS
    if (length === this.#lastOctets.length && this.#isLast(bytes, start)) return this.#last
    return length > BYTES_MAX ? undefined : this.#byOctets.get(bytes.toString('latin1', start, end))
  }

  remember(octets: Buffer, table: FieldTable): void {
    if (octets.length > BYTES_MAX) return
    if (this.#byOctets.size === REMEMBERED_MAX) this.#byOctets.clear()
    this.#byOctets.set(octets.toString('latin1'), table)
    this.#lastOctets = Buffer.from(octets)
    this.#last = table
  }

  #isLast(bytes: Buffer, start: number): boolean {
    const last = this.#lastOctets
    for (let at = last.length - 1; at >= 0; at--) if (bytes[start + at] !== last[at]) return false
    return true
  }
}
