// What a broker sent, as text that can be compared: fields in the order of the method, tables sorted by key.
import { createHash } from 'node:crypto'
import type { Content } from '../support/received.ts'
import type { MethodArguments } from '../support/wire-methods.ts'
import type { WireValue } from '../support/wire-values.ts'

export function shownArguments(args: MethodArguments): string {
  return Object.entries(args)
    .map(([name, value]) => ` ${name}=${shown(value)}`)
    .join('')
}

/** With the flags: they may name properties that have no meaning. */
export function shownProperties({ properties, flags }: Content): string {
  return `${flags.toString(16)}${shownArguments(properties as MethodArguments)}`
}

/** Long bodies by their length and a digest. */
export function shownBody(body: Buffer): string {
  if (body.length <= 40) return body.toString('latin1')
  return `${body.length} bytes ${createHash('sha1').update(body).digest('hex').slice(0, 8)}`
}

function shown(value: WireValue): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  if (Array.isArray(value)) return `[${value.map((item) => shown(item as WireValue)).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  if ('tag' in value && 'value' in value) {
    // RabbitMQ never sends L; it is the same as l.
    return `${value.tag === 'L' ? 'l' : String(value.tag)}:${shown(value.value as WireValue)}`
  }
  const fields = Object.entries(value).map(([key, item]) => `${key}=${shown(item as WireValue)}`)
  return `{${fields.sort().join(' ')}}`
}
