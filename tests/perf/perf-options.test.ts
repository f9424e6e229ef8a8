import { expect, test } from 'vitest'
import { describeBroker, parseBrokerUri } from '../../src/perf/broker-uri.ts'
import { expandPattern } from '../../src/perf/name-pattern.ts'
import { flagName, PERF_OPTIONS, parsePerfOptions } from '../../src/perf/options.ts'
import { planRun } from '../../src/perf/plan.ts'

const DEFAULTS = { host: '127.0.0.1', port: 5672, user: 'guest', password: 'guest', vhost: '/', isEncrypted: false }

test.each([
  ['amqp://', DEFAULTS],
  ['amqp://10.0.0.1', { ...DEFAULTS, host: '10.0.0.1' }],
  ['amqp://h:5673/', { ...DEFAULTS, host: 'h', port: 5673 }],
  ['amqps://h', { ...DEFAULTS, host: 'h', port: 5671, isEncrypted: true }],
  ['amqp://h/%2F', { ...DEFAULTS, host: 'h' }],
  ['amqp://h/team%2Fa', { ...DEFAULTS, host: 'h', vhost: 'team/a' }],
  [
    'amqp://me:p%40ss@[::1]:1/v',
    { host: '::1', port: 1, user: 'me', password: 'p@ss', vhost: 'v', isEncrypted: false },
  ],
])('the URI %s is understood', (text, uri) => {
  expect(parseBrokerUri(text)).toEqual(uri)
})

test.each([
  ['http://h', /starts with amqp:\/\//],
  ['h:5672:x', /amqp/],
  ['amqp://h/%zz', /vhost in the URI has a broken %-escape/],
])('the URI %s is refused', (text, error) => {
  expect(() => parseBrokerUri(text)).toThrow(error)
})

test('a password is never shown', () => {
  expect(describeBroker(parseBrokerUri('amqp://me:secret@h:1/v'))).toBe('amqp://me@h:1/v')
  expect(describeBroker(parseBrokerUri('amqps://me:secret@h'))).toBe('amqps://me@h:5671/%2F')
  expect(() => parseBrokerUri('amqp://me:secret@h:port')).toThrow(/^(?!.*secret)/)
})

test.each([
  ['orders', ['orders']],
  ['perf-{1..3}', ['perf-1', 'perf-2', 'perf-3']],
  ['a.{08..11}.b', ['a.08.b', 'a.09.b', 'a.10.b', 'a.11.b']],
  ['{x..y}', ['{x..y}']],
])('the pattern %s stands for its names', (pattern, names) => {
  expect(expandPattern(pattern)).toEqual(names)
})

test('a pattern that counts down or has no end in sight is refused', () => {
  expect(() => expandPattern('q{3..1}')).toThrow('write {1..3}')
  expect(() => expandPattern('q{1..1000000}')).toThrow('more than 100000')
})

test('without options there is a run of one publisher and one consumer', () => {
  const options = parsePerfOptions({})
  expect(options).toMatchObject({ publishers: 1, consumers: 1, time: 10, size: 16, latency: false, count: undefined })
  const plan = planRun(options)
  expect(plan.queues).toEqual(['leveret-perf'])
  expect(plan.workers.flatMap((worker) => worker.publishers)).toHaveLength(1)
  expect(plan.workers.flatMap((worker) => worker.consumers)).toEqual([['leveret-perf']])
})

test.each(Object.entries(PERF_OPTIONS).filter(([, row]) => /\(\d\S* to \d+\)$/.test(row.description)))(
  'option %s refuses what is no number of its range and says the range',
  (name, row) => {
    const [, min = '', max = ''] = /\((\S+) to (\d+)\)$/.exec(row.description) ?? []
    const refusal = new RegExp(`^--${flagName(name)} must be a (?:whole )?number from ${min} to ${max}, not `)
    for (const text of ['many', '-1', '', '1e3', `${Number(max) + 1}`, 'NaN', '0x10']) {
      expect(() => parsePerfOptions({ [name]: [text] }), text).toThrow(refusal)
    }
    expect(() => parsePerfOptions({ [name]: ['1', '2'] })).toThrow(`--${flagName(name)} may be given once only`)
  },
)

test.each([
  [{ publishers: ['0'], consumers: ['0'] }, /both 0/],
  [{ latency: ['true'], size: ['7'] }, /--latency needs --size 8/],
  [{ prefetch: ['10'], ackEvery: ['11'] }, /--ack-every 11 never comes with --prefetch 10/],
  [{ reject: ['true'] }, /--reject needs --ack-every/],
  [{ routingKey: ['a'] }, /--routing-key needs --exchange/],
  [{ queueArgs: ['x-max-length'] }, /key=value/],
  [{ queue: ['q'.repeat(256)] }, /255 bytes/],
])('options that contradict each other are refused: %o', (given, error) => {
  expect(() => planRun(parsePerfOptions(given))).toThrow(error)
})

test('queue arguments get the type they look like', () => {
  const queueArgs = ['x-max-length=10', 'x-single-active-consumer=true', 'x-queue-mode=lazy', 'x="5"']
  expect([...planRun(parsePerfOptions({ queueArgs })).queueArguments]).toEqual([
    ['x-max-length', { type: 'I', value: 10 }],
    ['x-single-active-consumer', { type: 't', value: true }],
    ['x-queue-mode', { type: 'S', value: 'lazy' }],
    ['x', { type: 'S', value: '5' }],
  ])
})

test('queues are shared out among connections, and connections among processes', () => {
  const given = { queue: ['q{1..4}'], publishers: ['2'], consumers: ['6'], processes: ['3'], count: ['9'] }
  const { workers } = planRun(parsePerfOptions(given))
  expect(workers).toHaveLength(3)
  expect(workers.map((worker) => worker.publishers.length + worker.consumers.length)).toEqual([3, 3, 2])
  const publishers = workers.flatMap((worker) => worker.publishers)
  expect(publishers.map(({ keys, messagesMax }) => [...keys, messagesMax]).sort()).toEqual([
    ['q1', 'q3', 5],
    ['q2', 'q4', 4],
  ])
  const consumed = workers.flatMap((worker) => worker.consumers).map((queues) => queues.join())
  expect(consumed.sort()).toEqual(['q1', 'q1', 'q2', 'q2', 'q3', 'q4'])
})
