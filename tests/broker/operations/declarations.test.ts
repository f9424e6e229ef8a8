import { beforeEach, describe, expect, test } from 'vitest'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import { entityName, generatedName } from '../../../src/broker/names.ts'
import {
  bindExchange,
  bindQueue,
  unbindExchange,
  unbindQueue,
} from '../../../src/broker/operations/binding-operations.ts'
import {
  declareExchange,
  deleteExchange,
  passiveExchange,
} from '../../../src/broker/operations/exchange-declaration.ts'
import {
  accessQueue,
  declareQueue,
  deleteQueue,
  type QueueDeclaration,
} from '../../../src/broker/operations/queue-declaration.ts'
import { Model, message, refusal, session } from '../model.ts'

const ME = session('me')
const OTHER = session('other')
let model: Model

beforeEach(() => {
  model = new Model()
})

function queue(name: string, spec: Partial<QueueDeclaration> = {}, table: PlainTable = {}, user = ME) {
  const defaults = { durable: false, exclusive: false, autoDelete: false, arguments: fieldTable(table) }
  return declareQueue(model.vhost, { ...defaults, ...spec, name }, user)
}

function exchange(name: string, type = 'direct', spec: object = {}, table: PlainTable = {}) {
  const defaults = { durable: false, autoDelete: false, internal: false, arguments: fieldTable(table) }
  return declareExchange(model.vhost, { ...defaults, ...spec, name, type }, ME)
}

const locked =
  "resource-locked: cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on " +
  'another connection or the exclusive property value does not match that of the original declaration.'

describe('declaring a queue', () => {
  test('finds the one that is there, when it is declared the same way', () => {
    const first = queue('q', { durable: true }, { 'x-expires': 1000, other: 1 })
    expect(queue('q', { durable: true }, { 'x-expires': 1000n, other: 2 })).toBe(first)
    expect(model.vhost.queueCount).toBe(1)
  })

  test('makes a name that no client guesses for one without', () => {
    const made = [queue(''), queue('')].map(({ name }) => name)
    expect(new Set(made).size).toBe(2)
    for (const name of made) expect(name).toMatch(/^amq\.gen-[\w-]{22}$/)
  })

  test('drops line breaks from names', () => {
    expect(queue('a\r\nb').name).toBe('ab')
    expect(accessQueue(model.vhost, 'a\nb', ME, 'read').name).toBe('ab')
    expect(entityName('\r\n')).toBe('')
  })

  test('refuses names that are reserved, even those it has made itself', () => {
    for (const name of ['amq.mine', queue('').name]) {
      const text = `access-refused: queue name '${name}' contains reserved prefix 'amq.*'`
      expect(refusal(() => queue(name))).toBe(text)
    }
  })

  test('names the one that it would have made when it refuses', () => {
    expect(refusal(() => queue('', {}, { 'x-expires': 0 }))).toMatch(
      /^precondition-failed: invalid arg 'x-expires' for queue 'amq\.gen-[\w-]{22}' in vhost '\/': \{value_zero,0\}$/,
    )
  })

  test.each<[string, Partial<QueueDeclaration>, string]>([
    ['durable', { durable: true }, "received 'true' but current is 'false'"],
    ['auto_delete', { autoDelete: true }, "received 'true' but current is 'false'"],
  ])('refuses another value of %s', (flag, spec, difference) => {
    queue('q')
    const text = `precondition-failed: inequivalent arg '${flag}' for queue 'q' in vhost '/': ${difference}`
    expect(refusal(() => queue('q', spec))).toBe(text)
  })

  test.each<[PlainTable, PlainTable, string]>([
    [{}, { 'x-expires': 10 }, "received the value '10' of type 'signedint' but current is none"],
    [{ 'x-expires': 10 }, {}, "received none but current is the value '10' of type 'signedint'"],
    [{ 'x-expires': 1 }, { 'x-expires': 2 }, "received '2' but current is '1'"],
    [{ 'x-expires': 1 }, { 'x-expires': 'one' }, "received 'one' but current is '1'"],
    [{ 'x-expires': 1 }, { 'x-expires': null }, "received none but current is '1'"],
    [{}, { 'x-expires': null }, "received the value 'undefined' of type 'void' but current is none"],
    [{ 'x-expires': 3 }, { 'x-expires': 3.5 }, "received '3.5' but current is '3'"],
    [{ 'x-expires': 1 }, { 'x-expires': [] }, "received '[]' but current is '1'"],
    [
      { 'x-expires': 1 },
      { 'x-expires': ['a', { b: 2 }] },
      'received \'[{longstr,<<"a">>},{table,[{<<"b">>,signedint,2}]}]\' but current is \'1\'',
    ],
  ])('refuses other arguments: %o, then %o', (first, second, difference) => {
    queue('q', {}, first)
    const text = `precondition-failed: inequivalent arg 'x-expires' for queue 'q' in vhost '/': ${difference}`
    expect(refusal(() => queue('q', {}, second))).toBe(text)
  })

  test.each<[PlainTable, RegExp]>([
    [{ 'x-expires': 0 }, /\{value_zero,0\}$/],
    [{ 'x-expires': -1 }, /\{value_negative,-1\}$/],
    [{ 'x-message-ttl': 315_360_000_001n }, /\{value_too_large,315360000001\}$/],
    [{ 'x-message-ttl': '5' }, /expected integer, got longstr/],
    [{ 'x-message-ttl': 5.5 }, /double/],
    [{ 'x-max-length': -1 }, /value_negative/],
    [{ 'x-max-priority': 256 }, /\{max_value_exceeded,256\}$/],
    [{ 'x-overflow': 'burst' }, /invalid_overflow$/],
    [{ 'x-dead-letter-routing-key': 'k' }, /routing_key_but_no_dlx_defined$/],
    [{ 'x-queue-type': 'unheard' }, /"unsupported queue type 'unheard'"$/],
    [{ 'x-queue-mode': 'bogus' }, /"unsupported queue mode 'bogus'"$/],
    [{ 'x-queue-version': 3 }, /"unsupported queue version '3'"$/],
    [{ 'x-queue-version': -1 }, /\{value_negative,-1\}$/],
    [{ 'x-queue-leader-locator': 'bogus' }, /invalid_queue_locator_arg$/],
    [{ 'x-max-age': '1D', 'x-queue-mode': 5, 'x-expires': 0 }, /'x-expires'.*\{value_zero,0\}$/],
    [{ 'x-max-age': '1D', 'x-expires': 0, 'x-queue-type': 'stream' }, /'x-queue-type'/],
  ])('refuses the argument %o', (table, text) => {
    expect(refusal(() => queue('q', {}, table))).toMatch(/^precondition-failed: invalid arg 'x-/)
    expect(refusal(() => queue('q', {}, table))).toMatch(text)
    expect(model.vhost.queueCount).toBe(0)
  })

  test('keeps an exclusive one from all others, whatever they want of it', () => {
    const mine = queue('q', { exclusive: true, durable: true })
    expect([mine.owner, mine.durable]).toEqual([ME, false])
    expect(queue('q', { exclusive: true, durable: true })).toBe(mine)
    const request = { source: 'amq.direct', destination: 'q', routingKey: '', arguments: fieldTable({}) }
    for (const act of [
      () => queue('q', { exclusive: true }, {}, OTHER),
      () => queue('q'),
      () => accessQueue(model.vhost, 'q', OTHER, 'read'),
      () => deleteQueue(model.vhost, 'q', false, false, OTHER),
      () => bindQueue(model.vhost, request, OTHER),
    ]) {
      expect(refusal(act)).toBe(locked)
    }
    expect(() => unbindQueue(model.vhost, request, OTHER)).not.toThrow()
    bindQueue(model.vhost, request, ME)
    expect(refusal(() => unbindQueue(model.vhost, request, OTHER))).toBe(locked)
  })

  test('refuses to make exclusive what is not', () => {
    queue('q')
    expect(refusal(() => queue('q', { exclusive: true }))).toBe(locked)
  })
})

describe('deleting a queue', () => {
  test('is no error when there is none', () => {
    expect(deleteQueue(model.vhost, 'q', true, true, ME)).toBe(0)
  })

  test('is refused on demand while it is in use or not empty', () => {
    const { consumer } = model.consumer(queue('q'))
    expect(refusal(() => deleteQueue(model.vhost, 'q', true, false, ME))).toBe(
      "precondition-failed: queue 'q' in vhost '/' in use",
    )
    model.vhost.requireQueue('q').removeConsumer(consumer)
    model.vhost.requireQueue('q').publish(message('', 'q'))
    expect(refusal(() => deleteQueue(model.vhost, 'q', true, true, ME))).toBe(
      "precondition-failed: queue 'q' in vhost '/' not empty",
    )
    expect(deleteQueue(model.vhost, 'q', true, false, ME)).toBe(1)
  })
})

describe('declaring an exchange', () => {
  test('finds the one that is there, predeclared ones too, when it is declared the same way', () => {
    expect(exchange('x', 'topic', { durable: true })).toBe(exchange('x', 'topic', { durable: true }))
    expect(exchange('amq.direct', 'direct', { durable: true }).name).toBe('amq.direct')
  })

  test.each<[string, string, object, PlainTable, string]>([
    ['type', 'fanout', {}, {}, "received 'fanout' but current is 'direct'"],
    ['durable', 'direct', { durable: true }, {}, "received 'true' but current is 'false'"],
    ['auto_delete', 'direct', { autoDelete: true }, {}, "received 'true' but current is 'false'"],
    ['internal', 'direct', { internal: true }, {}, "received 'true' but current is 'false'"],
    [
      'alternate-exchange',
      'direct',
      {},
      { 'alternate-exchange': 'a' },
      "received the value 'a' of type 'longstr' but current is none",
    ],
  ])('refuses another value of %s', (name, type, spec, table, difference) => {
    exchange('x')
    const text = `precondition-failed: inequivalent arg '${name}' for exchange 'x' in vhost '/': ${difference}`
    expect(refusal(() => exchange('x', type, spec, table))).toBe(text)
  })

  test('refuses the default exchange, reserved names, unknown types and an alternate that is no name', () => {
    const untouchable = 'access-refused: operation not permitted on the default exchange'
    expect(refusal(() => exchange(''))).toBe(untouchable)
    expect(refusal(() => passiveExchange(model.vhost, '\n', ME))).toBe(untouchable)
    expect(refusal(() => deleteExchange(model.vhost, '', false, ME))).toBe(untouchable)
    expect(refusal(() => exchange('amq.x'))).toBe(
      "access-refused: exchange name 'amq.x' contains reserved prefix 'amq.*'",
    )
    expect(refusal(() => exchange('x', 'queue'))).toBe("precondition-failed: unknown exchange type 'queue'")
    expect(refusal(() => exchange('x', 'direct', {}, { 'alternate-exchange': 5 }))).toBe(
      "precondition-failed: invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
    )
  })

  test('only asks for it when it is passive', () => {
    expect(refusal(() => passiveExchange(model.vhost, 'x', ME))).toBe("not-found: no exchange 'x' in vhost '/'")
    expect(passiveExchange(model.vhost, 'amq.topic', ME).type).toBe('topic')
  })
})

describe('deleting an exchange', () => {
  test('is no error when there is none, and refused for those that come with the broker', () => {
    expect(() => deleteExchange(model.vhost, 'x', true, ME)).not.toThrow()
    const text = "access-refused: deletion of system exchange 'amq.fanout' in vhost '/' not allowed"
    expect(refusal(() => deleteExchange(model.vhost, 'amq.fanout', false, ME))).toBe(text)
  })

  test('is refused on demand while something is bound to it', () => {
    const source = exchange('x')
    const target = exchange('y')
    model.bind(source, target)
    expect(refusal(() => deleteExchange(model.vhost, 'x', true, ME))).toBe(
      "precondition-failed: exchange 'x' in vhost '/' in use",
    )
    deleteExchange(model.vhost, 'y', true, ME)
    deleteExchange(model.vhost, 'x', true, ME)
    expect(model.vhost.exchange('x')).toBeUndefined()
  })
})

describe('binding', () => {
  const request = (source: string, destination: string) => ({
    source,
    destination,
    routingKey: 'k',
    arguments: fieldTable({}),
  })

  test('names what is missing, the source first', () => {
    const noSource = "not-found: no exchange 'x' in vhost '/'"
    expect(refusal(() => bindQueue(model.vhost, request('x', 'q'), ME))).toBe(noSource)
    expect(refusal(() => bindExchange(model.vhost, request('x', 'y'), ME))).toBe(noSource)
    exchange('x')
    expect(refusal(() => bindQueue(model.vhost, request('x', 'q'), ME))).toBe("not-found: no queue 'q' in vhost '/'")
    expect(refusal(() => bindExchange(model.vhost, request('x', 'y'), ME))).toBe(
      "not-found: no exchange 'y' in vhost '/'",
    )
  })

  test('can be said twice, both ways', () => {
    queue('q')
    for (const act of [bindQueue, bindQueue, unbindQueue, unbindQueue]) act(model.vhost, request('amq.topic', 'q'), ME)
    expect(model.vhost.bindingsTo(model.vhost.requireQueue('q')).size).toBe(0)
  })

  test('is taken away without a word when an end of it is missing', () => {
    queue('q')
    expect(unbindQueue(model.vhost, request('x', 'q'), ME)).toBeUndefined()
    expect(unbindQueue(model.vhost, request('amq.topic', 'r'), ME)).toBeUndefined()
    expect(unbindExchange(model.vhost, request('x', 'amq.topic'), ME)).toBeUndefined()
    expect(unbindExchange(model.vhost, request('amq.topic', 'y'), ME)).toBeUndefined()
  })

  test('is refused for its arguments before anything is said of its owner', () => {
    queue('q', { exclusive: true })
    const asked = { ...request('amq.headers', 'q'), arguments: fieldTable({ 'x-match': 'bogus' }) }
    expect(refusal(() => bindQueue(model.vhost, asked, OTHER))).toMatch(/Invalid x-match field value <<"bogus">>;/)
  })

  test('leaves the default exchange and reply addresses alone', () => {
    queue('q')
    for (const act of [
      () => bindQueue(model.vhost, request('', 'q'), ME),
      () => unbindQueue(model.vhost, request('', 'q'), ME),
      () => bindExchange(model.vhost, request('', 'amq.topic'), ME),
      () => unbindExchange(model.vhost, request('amq.topic', ''), ME),
    ]) {
      expect(refusal(act)).toBe('access-refused: operation not permitted on the default exchange')
    }
    const address = 'amq.rabbitmq.reply-to.abc'
    expect(refusal(() => bindQueue(model.vhost, request('amq.topic', address), ME))).toMatch(/^access-refused/)
    expect(unbindQueue(model.vhost, request('amq.topic', address), ME)).toBeUndefined()
  })
})

test('generated names are not the same twice', () => {
  const made = Array.from({ length: 1000 }, () => generatedName('amq.ctag-'))
  expect(new Set(made).size).toBe(1000)
})
