import fc from 'fast-check'
import type { Field, FieldTable } from '../../protocol/field-table.ts'
import { type FieldKind, METHODS, type MethodName } from '../../protocol/methods.ts'
import { PROPERTY_FLAGS, type Properties } from '../../protocol/properties.ts'
import { anyCharacter } from '../support/any-character.ts'

const fitsShortstr = (text: string) => Buffer.byteLength(text) <= 255

/** Text that fits a short string: any Unicode, up to 255 octets of UTF-8. */
const shortText = fc
  .oneof(fc.string({ unit: anyCharacter, maxLength: 80 }), fc.string({ maxLength: 255 }), fc.string({ maxLength: 8 }))
  .filter(fitsShortstr)

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const notUtf8 = bytes.map((some) => Buffer.concat([some, Buffer.from([0xff])]))
const octet = fc.integer({ min: 0, max: 0xff })
const short = fc.integer({ min: 0, max: 0xffff })
const long = fc.integer({ min: 0, max: 0xffff_ffff })

const { table: fieldTables } = fc.letrec<{ field: Field; table: FieldTable }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 4 },
    fc.constant<Field>({ type: 'V', value: null }),
    fc.record({ type: fc.constant('t'), value: fc.boolean() }),
    fc.record({ type: fc.constant('b'), value: fc.integer({ min: -0x80, max: 0x7f }) }),
    fc.record({ type: fc.constant('B'), value: octet }),
    fc.record({ type: fc.constant('s'), value: fc.integer({ min: -0x8000, max: 0x7fff }) }),
    fc.record({ type: fc.constant('u'), value: short }),
    fc.record({ type: fc.constant('I'), value: fc.integer() }),
    fc.record({ type: fc.constant('i'), value: long }),
    fc.record({ type: fc.constantFrom('l', 'L'), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ type: fc.constant('T'), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ type: fc.constant('f'), value: fc.float() }),
    fc.record({ type: fc.constant('d'), value: fc.double() }),
    fc.record({ type: fc.constant('D'), value: fc.record({ scale: octet, unscaled: long }) }),
    fc.record({ type: fc.constant('S'), value: fc.oneof(fc.string({ unit: anyCharacter }), notUtf8) }),
    fc.record({ type: fc.constant('x'), value: bytes }),
    fc.record({ type: fc.constant('A'), value: fc.array(tie('field'), { maxLength: 5 }) }),
    fc.record({ type: fc.constant('F'), value: tie('table') }),
  ) as fc.Arbitrary<Field>,
  table: fc.array(fc.tuple(shortText, tie('field')), { maxLength: 5 }).map((entries) => new Map(entries)),
}))

/** Field tables with every type tag, nested a few levels. */
export const fieldTable: fc.Arbitrary<FieldTable> = fieldTables

const KINDS: { readonly [K in FieldKind]: fc.Arbitrary<unknown> | undefined } = {
  bit: fc.boolean(),
  octet,
  short,
  long,
  deliveryTag: fc.maxSafeNat(),
  shortstr: shortText,
  longstr: bytes,
  table: fieldTable,
  reservedBit: undefined,
  reservedShort: undefined,
  reservedShortstr: undefined,
  reservedLongstr: undefined,
}

export const METHOD_NAMES = Object.keys(METHODS) as MethodName[]

/** Arguments for that method, made from its row in the table. */
export function methodArguments(name: MethodName): fc.Arbitrary<never> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {}
  for (const [field, kind] of Object.entries<FieldKind>(METHODS[name].fields)) {
    const values = KINDS[kind]
    if (values !== undefined) fields[field] = values
  }
  return fc.record(fields) as fc.Arbitrary<never> // fits whatever method is meant: the row says so, not the compiler
}

/** Any subset of the properties. */
export const properties: fc.Arbitrary<Properties> = fc.record(
  Object.fromEntries(
    Object.entries(PROPERTY_FLAGS).map(([name, { type }]) => [
      name,
      { shortstr: shortText, table: fieldTable, octet, timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }[type],
    ]),
  ) as { [P in keyof Properties]-?: fc.Arbitrary<NonNullable<Properties[P]>> },
  { requiredKeys: [] },
)

/** Those bytes with one of them changed, removed or doubled, or with the end cut off. */
export function mutated(original: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.constantFrom('set', 'remove', 'double', 'cut')
  return fc.tuple(original, change, fc.nat(), octet).map(([bytes, kind, place, value]) => {
    const at = place % (bytes.length + 1)
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
    if (kind === 'cut') return before
    if (kind === 'remove') return Buffer.concat([before, after.subarray(1)])
    if (kind === 'double') return Buffer.concat([before, after.subarray(0, 1), after])
    return Buffer.concat([before, Buffer.of(value), after.subarray(1)])
  })
}
