import { expect, expectTypeOf, test } from 'vitest'
import type { FieldTable } from '../../protocol/field-table.ts'
import {
  type FromClient,
  type FromServer,
  METHODS,
  type Method,
  type MethodArguments,
  type MethodInput,
} from '../../protocol/methods.ts'
import { METHOD_NAMES } from './arbitraries.ts'

/** Class and method ids, written down a second time. */
const IDS: { readonly [className: string]: readonly [classId: number, methods: string] } = {
  connection: [
    10,
    'start 10, start-ok 11, secure 20, secure-ok 21, tune 30, tune-ok 31, open 40, open-ok 41, close 50, close-ok 51, ' +
      'blocked 60, unblocked 61, update-secret 70, update-secret-ok 71',
  ],
  channel: [20, 'open 10, open-ok 11, flow 20, flow-ok 21, close 40, close-ok 41'],
  access: [30, 'request 10, request-ok 11'],
  exchange: [40, 'declare 10, declare-ok 11, delete 20, delete-ok 21, bind 30, bind-ok 31, unbind 40, unbind-ok 51'],
  queue: [
    50,
    'declare 10, declare-ok 11, bind 20, bind-ok 21, purge 30, purge-ok 31, delete 40, delete-ok 41, unbind 50, unbind-ok 51',
  ],
  basic: [
    60,
    'qos 10, qos-ok 11, consume 20, consume-ok 21, cancel 30, cancel-ok 31, publish 40, return 50, deliver 60, get 70, ' +
      'get-ok 71, get-empty 72, ack 80, reject 90, recover-async 100, recover 110, recover-ok 111, nack 120',
  ],
  confirm: [85, 'select 10, select-ok 11'],
  tx: [90, 'select 10, select-ok 11, commit 20, commit-ok 21, rollback 30, rollback-ok 31'],
}

test('every method is in the table under its ids, and no other', () => {
  const expected = Object.entries(IDS).flatMap(([className, [classId, methods]]) =>
    methods.split(', ').map((entry) => {
      const [method, methodId] = entry.split(' ')
      return `${className}.${method} ${classId}.${methodId}`
    }),
  )
  const actual = METHOD_NAMES.map((name) => `${name} ${METHODS[name].classId}.${METHODS[name].methodId}`)
  expect(actual.toSorted()).toEqual(expected.toSorted())
})

test('a content follows publish, return, deliver and get-ok', () => {
  const withContent = METHOD_NAMES.filter((name) => METHODS[name].hasContent)
  expect(withContent.toSorted()).toEqual(['basic.deliver', 'basic.get-ok', 'basic.publish', 'basic.return'])
})

test('an -ok travels against its request', () => {
  const opposite = { client: 'server', server: 'client', both: 'both' } as const
  for (const name of METHOD_NAMES.filter((name) => name.endsWith('-ok') && name !== 'basic.get-ok')) {
    const request = METHOD_NAMES.find((other) => `${other}-ok` === name)
    expect(request && opposite[METHODS[request].sentBy], name).toBe(METHODS[name].sentBy)
  }
})

test('types derive from the table', () => {
  expectTypeOf<MethodArguments<'queue.delete'>>().toEqualTypeOf<{
    readonly queue: string
    readonly ifUnused: boolean
    readonly ifEmpty: boolean
    readonly nowait: boolean
  }>()
  expectTypeOf<MethodArguments<'connection.start-ok'>>().toEqualTypeOf<{
    readonly clientProperties: FieldTable
    readonly mechanism: string
    readonly response: Buffer
    readonly locale: string
  }>()
  expectTypeOf<MethodInput<'connection.secure'>>().toEqualTypeOf<{ readonly challenge: string | Uint8Array }>()
  expectTypeOf<MethodArguments<'basic.ack'>['deliveryTag']>().toEqualTypeOf<number>()
  expectTypeOf<Extract<Method, { name: 'channel.flow' }>['args']>().toEqualTypeOf<{ readonly active: boolean }>()
  expectTypeOf<Extract<'basic.publish' | 'basic.deliver' | 'channel.close', FromClient>>().toEqualTypeOf<
    'basic.publish' | 'channel.close'
  >()
  expectTypeOf<Extract<'basic.publish' | 'basic.deliver' | 'channel.close', FromServer>>().toEqualTypeOf<
    'basic.deliver' | 'channel.close'
  >()
})
