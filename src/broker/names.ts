import { randomBytes } from 'node:crypto'
import type { Field } from '../../protocol/field-table.ts'
import { equalFields, fieldTypeName } from './fields.ts'

/** RabbitMQ strips line breaks out of the names of queues and exchanges. */
export function entityName(name: string): string {
  return name.replaceAll(/[\r\n]/g, '')
}

export function isReserved(name: string): boolean {
  return name.startsWith('amq.')
}

/** `amq.gen-` or `amq.ctag-` and 22 characters that nobody guesses. */
export function generatedName(prefix: 'amq.gen-' | 'amq.ctag-'): string {
  return prefix + randomBytes(16).toString('base64url')
}

/** How a refusal names the two values of an argument, or undefined when they are equivalent. */
export function argumentText(
  received: Field | undefined,
  current: Field | undefined,
): { received: string; current: string } | undefined {
  if (received === undefined && current === undefined) return undefined
  if (received === undefined) return { received: 'none', current: described(current as Field) }
  if (current === undefined) return { received: described(received), current: 'none' }
  if (equalFields(received, current)) return undefined
  if (fieldTypeName(received) !== fieldTypeName(current)) {
    return { received: described(received), current: described(current) }
  }
  return { received: `'${String(received.value)}'`, current: `'${String(current.value)}'` }
}

function described(field: Field): string {
  return `the value '${String(field.value)}' of type '${fieldTypeName(field)}'`
}
