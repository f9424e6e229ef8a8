import { describe, expect, test } from 'vitest'
import type { Field, FieldTable } from '../../../protocol/field-table.ts'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import type { Properties } from '../../../protocol/properties.ts'
import { deadLetterTarget } from '../../../src/broker/dead-letters/dead-letter-target.ts'
import { HAS_DIED, IS_REROUTED } from '../../../src/broker/dead-letters/death-history.ts'
import { Mortal } from './mortal.ts'

const withHeaders = (headers: PlainTable): Properties => ({ headers: fieldTable(headers) })
const rejectedIn = (queue: string) => ({ queue, reason: 'rejected' }) as const
const expiredIn = (queue: string) => ({ queue, reason: 'expired' }) as const
const texts = (...values: readonly string[]): Field => ({
  type: 'A',
  value: values.map((value) => ({ type: 'S', value })),
})

describe('a dead letter', () => {
  test('tells of its first death, with the types and in the order of RabbitMQ', () => {
    const letter = Mortal.published({}).die(expiredIn('orders'))
    const death: FieldTable = new Map<string, Field>([
      ['count', { type: 'l', value: 1n }],
      ['reason', { type: 'S', value: 'expired' }],
      ['queue', { type: 'S', value: 'orders' }],
      ['time', { type: 'T', value: 1_700_000_000n }],
      ['exchange', { type: 'S', value: '' }],
      ['routing-keys', texts('q')],
    ])
    const headers = letter.properties.headers as FieldTable
    expect([...headers]).toEqual([
      ['x-death', { type: 'A', value: [{ type: 'F', value: death }] }],
      ['x-first-death-reason', { type: 'S', value: 'expired' }],
      ['x-first-death-queue', { type: 'S', value: 'orders' }],
      ['x-first-death-exchange', { type: 'S', value: '' }],
      ['x-last-death-reason', { type: 'S', value: 'expired' }],
      ['x-last-death-queue', { type: 'S', value: 'orders' }],
      ['x-last-death-exchange', { type: 'S', value: '' }],
    ])
    expect(Object.keys(letter.deaths[0] ?? {})).toEqual([...death.keys()])
  })

  test('goes to the dead-letter exchange with its own key, or with the dead-letter routing key', () => {
    const message = Mortal.published({})
    expect(message.die(rejectedIn('q')).key).toEqual(['dlx', 'q'])
    expect(message.die({ ...rejectedIn('q'), to: { exchange: '', routingKey: 'é' } }).key).toEqual(['', 'é'])
    expect(message.die({ ...rejectedIn('q'), to: { routingKey: '' } }).key).toEqual(['dlx', ''])
  })

  test.each(['rejected', 'expired', 'maxlen', 'delivery_limit'] as const)('names its reason: %s', (reason) => {
    const { headers, deaths } = Mortal.published({}).die({ queue: 'q', reason })
    expect([deaths[0]?.reason, headers['x-first-death-reason'], headers['x-last-death-reason']]).toEqual(
      Array(3).fill(reason),
    )
  })

  test('has the latest death in front, and one for each queue and reason', () => {
    const life = [expiredIn('a'), rejectedIn('b'), rejectedIn('a'), expiredIn('b'), expiredIn('a'), expiredIn('a')]
    const { deaths } = Mortal.published({}).dieAll(life)
    expect(deaths.map(({ queue, reason, count }) => [queue, reason, count])).toEqual([
      ['a', 'expired', 3],
      ['b', 'expired', 1],
      ['a', 'rejected', 1],
      ['b', 'rejected', 1],
    ])
  })

  test('keeps time, exchange, keys and expiration of the first death of its kind', () => {
    const { deaths } = Mortal.published({ expiration: '10' }).dieAll([
      { ...expiredIn('a'), atMs: 5_000, to: { exchange: 'x', routingKey: 'k' } },
      { ...expiredIn('a'), atMs: 9_000 },
    ])
    const expected = {
      count: 2,
      exchange: '',
      'routing-keys': ['q'],
      'original-expiration': '10',
      time: new Date(5_000),
    }
    expect(deaths).toMatchObject([expected])
  })

  test('tells of its first and its last death in headers of their own', () => {
    const { headers } = Mortal.published({}).dieAll([
      { ...expiredIn('a'), to: { exchange: 'first' } },
      { ...rejectedIn('b'), to: { exchange: 'second' } },
      { queue: 'c', reason: 'maxlen' },
    ])
    expect(headers).toMatchObject({
      'x-first-death-reason': 'expired',
      'x-first-death-queue': 'a',
      'x-first-death-exchange': '',
      'x-last-death-reason': 'maxlen',
      'x-last-death-queue': 'c',
      'x-last-death-exchange': 'second',
    })
    expect(Object.keys(headers)).toHaveLength(7)
  })

  test('has a time beyond 2^32 seconds', () => {
    const { deaths } = Mortal.published({}).die({ ...expiredIn('a'), atMs: 2 ** 32 * 1000 + 1999 })
    expect(deaths[0]?.time).toEqual(new Date((2 ** 32 + 1) * 1000))
  })
})

describe('the expiration of a dead letter', () => {
  test('is taken out, and told of in the death', () => {
    const letter = Mortal.published({ expiration: '60000', messageId: 'm', correlationId: 'c', priority: 3 }).die(
      expiredIn('a'),
    )
    expect(letter.deaths[0]?.['original-expiration']).toBe('60000')
    expect(Object.keys(letter.deaths[0] ?? {})[0]).toBe('original-expiration')
    const { headers: _, ...others } = letter.properties
    expect(others).toEqual({ messageId: 'm', correlationId: 'c', priority: 3 })
  })

  test('is told of whatever the message died of, and in no later death', () => {
    const { deaths } = Mortal.published({ expiration: '0' }).dieAll([rejectedIn('a'), expiredIn('b')])
    expect(deaths.map((death) => death['original-expiration'])).toEqual([undefined, '0'])
  })

  test.each([
    ['+5', '5'],
    ['007', '7'],
    ['-0', '0'],
    ['000', '0'],
    ['10', '10'],
  ])('is a number: %s is %s', (sent, told) => {
    expect(Mortal.published({ expiration: sent }).die(expiredIn('a')).deaths[0]?.['original-expiration']).toBe(told)
  })
})

describe('the routing keys of a dead letter', () => {
  const published = Mortal.published({ headers: new Map([['CC', texts('cc 1', 'cc 2')]]) }, ['blind'])

  test('are all that it was published with, blind ones too, which its death does not tell of', () => {
    const letter = published.die(rejectedIn('a'))
    expect(letter.routingKeys).toEqual(['q', 'cc 1', 'cc 2', 'blind'])
    expect(letter.deaths[0]?.['routing-keys']).toEqual(['q', 'cc 1', 'cc 2'])
    expect(letter.headers.CC).toEqual(['cc 1', 'cc 2'])
    expect(letter.die(rejectedIn('b')).routingKeys).toEqual(['q', 'cc 1', 'cc 2', 'blind'])
  })

  test('are the dead-letter routing key alone, from then on', () => {
    const letter = published.die({ ...rejectedIn('a'), to: { routingKey: 'dlk' } })
    expect(letter.routingKeys).toEqual(['dlk'])
    expect(letter.deaths[0]?.['routing-keys']).toEqual(['q', 'cc 1', 'cc 2'])
    expect(letter.headers.CC).toEqual(['cc 1', 'cc 2'])
    const next = letter.die(rejectedIn('b'))
    expect(next.routingKeys).toEqual(['dlk'])
    expect(next.deaths.map((death) => death['routing-keys'])).toEqual([['dlk'], ['q', 'cc 1', 'cc 2']])
  })

  test('leave out what is no text in CC', () => {
    const copies: Field = {
      type: 'A',
      value: [
        { type: 'I', value: 1 },
        { type: 'S', value: 'cc' },
        { type: 'V', value: null },
      ],
    }
    const letter = Mortal.published({ headers: new Map([['CC', copies]]) }).die(rejectedIn('a'))
    expect(letter.routingKeys).toEqual(['q', 'cc'])
    expect(letter.deaths[0]?.['routing-keys']).toEqual(['q', 'cc'])
  })

  test('leave out a CC that is no array', () => {
    expect(Mortal.published(withHeaders({ CC: 'cc' })).die(rejectedIn('a')).routingKeys).toEqual(['q'])
  })

  test('are those of the first CC, when there are several', () => {
    const letter = Mortal.published(withHeaders({ cc: ['no'], C: ['no'] })).die(rejectedIn('a'))
    expect(letter.routingKeys).toEqual(['q'])
  })

  test('tell of a key that is blind and not blind, though it may be in another place', () => {
    const twice = Mortal.published({ headers: new Map([['CC', texts('cc')]]) }, ['q', 'other']).die(rejectedIn('a'))
    expect(twice.deaths[0]?.['routing-keys']).toEqual(['cc', 'q'])
    const rerouted = twice.die({ ...rejectedIn('b'), to: { routingKey: 'other' } }).die(rejectedIn('c'))
    expect(rerouted.deaths[0]?.['routing-keys']).toEqual([])
  })

  test('may be longer than a name, in CC', () => {
    const long = 'k'.repeat(300)
    const letter = Mortal.published({ headers: new Map([['CC', texts(long)]]) }).die(rejectedIn('a'))
    expect(letter.routingKeys).toEqual(['q', long])
  })
})

describe('what a client wrote about deaths', () => {
  const WRITTEN: { readonly [what: string]: PlainTable } = {
    'a text': { 'x-death': 'text' },
    nothing: { 'x-death': [] },
    'no deaths': { 'x-death': ['text', 1, null, []] },
    'wrong types': { 'x-death': [{ queue: 1, reason: ['expired'], count: 'many' }] },
    'one death': { 'x-death': { queue: 'a' }, 'x-last-death-queue': null, 'x-first-death-queue': [1] },
    'forged deaths': { 'x-death': [{ queue: 'a', reason: 'expired', count: 41n }], 'x-first-death-reason': 'mine' },
  }

  test.each(Object.keys(WRITTEN))('goes with the first death: %s', (what) => {
    const letter = Mortal.published(withHeaders({ mine: 1, ...WRITTEN[what], 'x-mine': [2] })).die(expiredIn('a'))
    const plain = Mortal.published(withHeaders({ mine: 1, 'x-mine': [2] })).die(expiredIn('a'))
    expect(letter.head).toEqual(plain.head)
  })

  test('is gone in all its copies', () => {
    const twice = Buffer.from('\x07x-deathV\x01aV\x07x-deathV\x13x-last-death-reasonV', 'latin1')
    const header = Buffer.concat([Buffer.from('003c00000000000000000005200000000000', 'hex'), twice])
    header.writeUInt32BE(twice.length, 14)
    const letter = Mortal.of(['', 'q'], header).die(expiredIn('a'))
    expect(letter.headers.a).toBeNull()
    expect(letter.header.toString('latin1').split('x-death')).toHaveLength(2)
    expect(letter.deaths).toHaveLength(1)
  })

  test('starts anew when a dead letter is published again', () => {
    const letter = Mortal.published({}).dieAll([expiredIn('a'), expiredIn('a')])
    const again = Mortal.published(letter.properties).die(expiredIn('a'))
    expect(again.deaths).toMatchObject([{ queue: 'a', count: 1 }])
    expect(again.marks).toBe(HAS_DIED)
  })
})

describe('the marks of a dead letter', () => {
  test('say that its history is the broker’s, and whether its keys are still those of its publisher', () => {
    const letter = Mortal.published({}).die(expiredIn('a'))
    expect(letter.marks).toBe(HAS_DIED)
    const rerouted = letter.die({ ...expiredIn('b'), to: { routingKey: 'k' } })
    expect(rerouted.marks).toBe(HAS_DIED | IS_REROUTED)
    expect(rerouted.die(expiredIn('c')).marks).toBe(HAS_DIED | IS_REROUTED)
  })
})

describe('a cycle', () => {
  test('is a queue that the message has died in, with no rejection since', () => {
    const letter = Mortal.published({}).dieAll([expiredIn('a'), { queue: 'b', reason: 'maxlen' }, expiredIn('c')])
    expect(['a', 'b', 'c', 'd', ''].map((queue) => letter.isCycle(queue))).toEqual([true, true, true, false, false])
  })

  test('is none when a client rejected the message on the way', () => {
    const rejected = Mortal.published({}).dieAll([expiredIn('a'), rejectedIn('b')])
    expect(['a', 'b'].map((queue) => rejected.isCycle(queue))).toEqual([false, false])
    const later = rejected.die(expiredIn('c'))
    expect(['a', 'b', 'c'].map((queue) => later.isCycle(queue))).toEqual([false, false, true])
  })

  test('is judged by the latest death of each kind', () => {
    const letter = Mortal.published({}).dieAll([rejectedIn('a'), expiredIn('b'), expiredIn('c'), expiredIn('b')])
    expect(['a', 'b', 'c'].map((queue) => letter.isCycle(queue))).toEqual([false, true, true])
  })

  test('counts no death that a client made up', () => {
    const forged = withHeaders({ 'x-death': [{ queue: 'b', reason: 'expired', count: 1n }] })
    expect(Mortal.published(forged).die(expiredIn('a')).isCycle('b')).toBe(false)
  })
})

describe('a target', () => {
  test('is none when a name or a key is too long for a delivery', () => {
    expect(deadLetterTarget('x'.repeat(256))).toBeUndefined()
    expect(deadLetterTarget('x', 'é'.repeat(128))).toBeUndefined()
    expect(deadLetterTarget('x'.repeat(255), 'k'.repeat(255))).toBeDefined()
  })
})
