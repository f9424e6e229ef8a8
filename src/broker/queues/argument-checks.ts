/** What RabbitMQ finds wrong with the values of arguments, in its words. */
import { printText } from '../../../protocol/erlang-terms.ts'
import type { Field, FieldTable } from '../../../protocol/field-table.ts'
import { fieldTypeName, integerValue } from '../fields.ts'
import { TIME_MS_MAX } from './expiry.ts'

/** Why a value is refused, or undefined when it is fine. */
export type Check = (field: Field, all: FieldTable) => string | undefined

/** Why a whole number is refused, or undefined when it is fine. */
export type NumberCheck = (value: bigint) => string | undefined

const NO_ARGUMENTS: FieldTable = new Map()

export const integer =
  (check: NumberCheck): Check =>
  (field) => {
    const value = integerValue(field)
    return value === undefined ? printText(`expected integer, got ${fieldTypeName(field)}`) : check(value)
  }

export const notNegative: NumberCheck = (value) => (value < 0n ? `{value_negative,${value}}` : undefined)

export const aboveZero: NumberCheck = (value) => (value === 0n ? '{value_zero,0}' : notNegative(value))

export const time: NumberCheck = (value) =>
  notNegative(value) ?? (value > TIME_MS_MAX ? `{value_too_large,${value}}` : undefined)

export const timeAboveZero: NumberCheck = (value) => (value === 0n ? '{value_zero,0}' : time(value))

export const text: Check = (field) => (field.type === 'S' ? undefined : unacceptable(field))

export const boolean: Check = (field) => (field.type === 't' ? undefined : unacceptable(field))

export const oneOf =
  (values: readonly string[], why: (value: string) => string): Check =>
  (field) =>
    text(field, NO_ARGUMENTS) ?? (values.includes(String(field.value)) ? undefined : why(String(field.value)))

export const unsupported =
  (what: string) =>
  (value: string | bigint): string =>
    printText(`unsupported queue ${what} '${value}'`)

function unacceptable(field: Field): string {
  return `{unacceptable_type,${fieldTypeName(field)}}`
}
