import { describe, expect, test } from 'vitest'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import { argumentOfProperty, queueSettings } from '../../../src/broker/queues/queue-arguments.ts'
import { Model } from '../model.ts'

const settings = (all: PlainTable, policy: PlainTable = {}) => queueSettings(fieldTable(all), fieldTable(policy))

describe('the settings of a queue', () => {
  test('are the defaults without arguments, and one object for all such queues', () => {
    expect(settings({})).toEqual({
      expiresMs: undefined,
      messageTtlMs: undefined,
      deadLetterExchange: undefined,
      deadLetterRoutingKey: undefined,
      maxLength: undefined,
      maxLengthBytes: undefined,
      maxPriority: undefined,
      overflow: 'drop-head',
      isSingleActiveConsumer: false,
      consumerTimeoutMs: undefined,
      deadLetterStrategy: 'at-most-once',
      deliveryLimit: undefined,
      delayedRetryType: 'disabled',
      delayedRetryMinMs: undefined,
      delayedRetryMaxMs: undefined,
    })
    const model = new Model()
    expect(model.queue('a').settings).toBe(model.queue('b').settings)
  })

  test('follow from the arguments', () => {
    const all = {
      'x-expires': 1000n,
      'x-message-ttl': 0,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'é',
      'x-max-length': 5,
      'x-max-length-bytes': 2 ** 40,
      'x-max-priority': 255,
      'x-overflow': 'reject-publish',
      'x-single-active-consumer': true,
      'x-consumer-timeout': 60_000,
      'x-delivery-limit': 7,
      'x-delayed-retry-type': 'failed',
      'x-delayed-retry-min': 1000,
      'x-delayed-retry-max': 5000,
      'x-unknown': 1,
    }
    expect(settings(all)).toEqual({
      expiresMs: 1000,
      messageTtlMs: 0,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'é',
      maxLength: 5,
      maxLengthBytes: 2 ** 40,
      maxPriority: 255,
      overflow: 'reject-publish',
      isSingleActiveConsumer: true,
      consumerTimeoutMs: 60_000,
      deadLetterStrategy: 'at-most-once',
      deliveryLimit: 7,
      delayedRetryType: 'failed',
      delayedRetryMinMs: 1000,
      delayedRetryMaxMs: 5000,
    })
  })

  test('follow from a policy where there is no argument', () => {
    expect(settings({ 'x-max-length': 5 }, { 'message-ttl': 10, overflow: 'reject-publish' })).toMatchObject({
      maxLength: 5,
      messageTtlMs: 10,
      overflow: 'reject-publish',
    })
  })

  test('are the lower of the numbers that argument and policy say, and otherwise the argument', () => {
    const all = { 'x-max-length': 5, 'x-expires': 10, 'x-overflow': 'drop-head', 'x-dead-letter-exchange': 'mine' }
    const policy = { 'max-length': 6, expires: 9, overflow: 'reject-publish', 'dead-letter-exchange': 'theirs' }
    expect(settings(all, policy)).toMatchObject({
      maxLength: 5,
      expiresMs: 9,
      overflow: 'drop-head',
      deadLetterExchange: 'mine',
    })
  })

  test('of some kinds are no business of policies', () => {
    expect(settings({}, { 'max-priority': 5, 'single-active-consumer': true })).toMatchObject({
      maxPriority: undefined,
      isSingleActiveConsumer: false,
    })
  })

  test('leave out what no check lets through', () => {
    expect(settings({ 'x-max-length': 'five', 'x-overflow': 'bogus', 'x-single-active-consumer': 1 })).toEqual(
      settings({}),
    )
  })

  test('can be recomputed on a queue that is running', () => {
    const model = new Model()
    const queue = model.queue('q', { arguments: fieldTable({ 'x-max-length': 5 }) })
    expect(queue.settings.maxLength).toBe(5)
    queue.applySettings(queueSettings(queue.arguments, fieldTable({ 'max-length': 3 })))
    expect(queue.settings.maxLength).toBe(3)
    queue.applySettings(queueSettings(queue.arguments))
    expect(queue.settings.maxLength).toBe(5)
  })
})

test('an argument is found by the name that client libraries have for it', () => {
  const properties = [
    'messageTtl',
    'expires',
    'maxLength',
    'maxPriority',
    'queueMode',
    'deadLetterRoutingKey',
    'arguments',
  ]
  expect(properties.map(argumentOfProperty)).toEqual([
    'x-message-ttl',
    'x-expires',
    'x-max-length',
    'x-max-priority',
    'x-queue-mode',
    'x-dead-letter-routing-key',
    undefined,
  ])
})
