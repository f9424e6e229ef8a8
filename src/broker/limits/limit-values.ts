/** How many there may be of something. As in RabbitMQ, 0 allows none, and a number below zero, or none given, any number. */
import { decodeFieldTable, encodeFieldTable, type Field } from '../../../protocol/field-table.ts'
import { Reader } from '../../../protocol/reader.ts'

/** By the name of each limit. */
export type LimitValues<N extends string> = { readonly [name in N]?: number }

export function isReached(limit: number | undefined, count: number): limit is number {
  return limit !== undefined && limit >= 0 && count >= limit
}

/** The values with those that are changed: undefined changes nothing. */
export function withChanges<N extends string>(values: LimitValues<N>, changes: LimitValues<N>): LimitValues<N> {
  const changed = Object.entries<number | undefined>(changes).filter(([, limit]) => limit !== undefined)
  return { ...values, ...(Object.fromEntries(changed) as LimitValues<N>) } // they have the names of the changes
}

/** As a storage keeps them. */
export function encodeLimits(values: LimitValues<string>): Uint8Array {
  return encodeFieldTable(
    new Map(
      Object.entries(values).map(([name, limit = -1]): [string, Field] => [name, { type: 'l', value: BigInt(limit) }]),
    ),
  )
}

/** Throws Error when a limit makes no sense; what has another name, a later version may know. */
export function decodeLimits<N extends string>(names: readonly N[], value: Uint8Array): LimitValues<N> {
  const fields = decodeFieldTable(new Reader(value))
  const limits: { [name in N]?: number } = {}
  for (const name of names) {
    const field = fields.get(name)
    if (field === undefined) continue
    if (field.type !== 'l' || !Number.isSafeInteger(Number(field.value))) throw new Error(`its ${name} is no number`)
    limits[name] = Number(field.value)
  }
  return limits
}
