import { randomBytes } from 'node:crypto'
import type { Field } from '../../protocol/field-table.ts'
import { fieldText, fieldTypeName, sameValue } from './fields.ts'

/** RabbitMQ strips line breaks out of the names of queues and exchanges. */
export function entityName(name: string): string {
  return name.replaceAll(/[\r\n]/g, '')
}

/** RabbitMQ's name for who declares what the server itself declares, or the program that it is part of. */
export const INTERNAL_USER = 'rmq-internal'

export function isReserved(name: string): boolean {
  return name.startsWith('amq.')
}

/** `amq.gen-` or `amq.ctag-` and 22 random characters. */
export function generatedName(prefix: 'amq.gen-' | 'amq.ctag-'): string {
  return prefix + randomBytes(16).toString('base64url')
}

/** How a refusal names the two values of an argument, or undefined when they are equivalent, whatever their types. */
export function argumentText(
  received: Field | undefined,
  current: Field | undefined,
): { received: string; current: string } | undefined {
  if (received === undefined && current === undefined) return undefined
  if (received === undefined) return { received: 'none', current: described(current as Field) }
  if (current === undefined) return { received: described(received), current: 'none' }
  if (sameValue(received, current)) return undefined
  return { received: named(received), current: named(current) }
}

function described(field: Field): string {
  return `the value '${argumentValue(field)}' of type '${fieldTypeName(field)}'`
}

/** RabbitMQ says none of a void value, too, when there is another one to compare with. */
function named(field: Field): string {
  return field.type === 'V' ? 'none' : `'${argumentValue(field)}'`
}

/** Text stands here as it is. */
function argumentValue(field: Field): string {
  return field.type === 'S' || field.type === 'x' ? Buffer.from(field.value as string).toString() : fieldText(field)
}
