import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/broker/errors.ts'
import { makePolicy, type PolicyKind, type PolicyRequest } from '../../../src/broker/policies/policy.ts'
import { compilePattern } from '../../../src/lib/name-pattern.ts'

/** Everything that is found wrong, line by line. */
function problems(request: PolicyRequest, kind: PolicyKind = 'policy'): string[] {
  try {
    makePolicy(kind, 'p', request)
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    const lines = error.message.split('\n')
    expect([lines.shift(), lines.shift(), lines.pop(), error.kind]).toEqual([
      'Validation failed',
      '',
      '',
      'precondition-failed',
    ])
    return lines
  }
  return []
}

const problemsOf = (definition: unknown, kind?: PolicyKind) => problems({ pattern: '', definition }, kind)

describe('a policy', () => {
  test('applies to everything with priority 0 unless it says otherwise', () => {
    expect(makePolicy('policy', 'p', { pattern: '^a', definition: { expires: 1 } })).toEqual({
      name: 'p',
      pattern: '^a',
      matcher: expect.anything(),
      applyTo: 'all',
      priority: 0,
      definition: { expires: 1 },
    })
  })

  test.each(['all', 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges'])(
    'may apply to %s',
    (applyTo) => {
      expect(makePolicy('policy', 'p', { pattern: '', definition: { expires: 1 }, applyTo }).applyTo).toBe(applyTo)
    },
  )

  test('is refused with all that is wrong with it, in RabbitMQ’s words', () => {
    expect(problems({ pattern: '(', definition: { expires: 0 }, priority: 'high', applyTo: 'cats' })).toEqual([
      '0 is not a valid queue expiry',
      "apply-to 'cats' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'",
      expect.stringMatching(/^pattern should be regular expression but is invalid: ./),
      'priority should be a number, actually was <<"high">>',
    ])
    expect(problems({})).toEqual(['Key "definition" not found in p', 'Key "pattern" not found in p'])
    expect(problems({ pattern: 5, definition: { expires: 1 }, priority: Number.NaN, applyTo: 7 })).toEqual([
      expect.stringContaining("apply-to '7' unrecognised"),
      'pattern should be a binary but was 5',
      'priority should be a number, actually was NaN',
    ])
  })

  test('has a definition', () => {
    expect(problemsOf({})).toEqual(['no policy provided'])
    expect(problemsOf('text')).toEqual(['parse error while reading policy p: <<"text">>. Validator: policy_validator.'])
    expect(problemsOf(null, 'operator policy')).toEqual([
      'parse error while reading policy p: null. Validator: operator_policy_validator.',
    ])
  })

  test('sets nothing that RabbitMQ does not know', () => {
    expect(problemsOf({ foo: 'bar', expires: 1, bar: [1.5, null, { a: true }] })).toEqual([
      '[{<<"bar">>,[1.5,null,#{<<"a">> => true}]},{<<"foo">>,<<"bar">>}] are not recognised policy settings',
    ])
    expect(problemsOf({ toString: 1 })).toEqual(['[{<<"toString">>,1}] are not recognised policy settings'])
    expect(problemsOf(JSON.parse('{"__proto__":1}'))).toEqual([
      '[{<<"__proto__">>,1}] are not recognised policy settings',
    ])
    expect(problemsOf({ foo: 1, expires: 0 })).toEqual(['0 is not a valid queue expiry'])
  })

  test('does not hold very long texts', () => {
    expect(problemsOf({ 'dead-letter-routing-key': 'k'.repeat(20_000) })).toEqual([
      'the definition has more than 16384 characters',
    ])
  })

  const VALUES: readonly [key: string, right: readonly unknown[], wrong: readonly unknown[], text: string][] = [
    ['alternate-exchange', ['', 'x'], [1, null], 'alternate exchange name'],
    ['dead-letter-exchange', ['', 'x'], [1, true], 'dead letter exchange name'],
    ['dead-letter-routing-key', ['k'], [[]], 'dead letter routing key'],
    ['dead-letter-strategy', ['at-most-once', 'at-least-once'], ['never'], 'dead letter strategy'],
    ['message-ttl', [0, 2 ** 40], [-1, 1.5, '5', 1e300], 'message TTL'],
    ['expires', [1], [0, -1], 'queue expiry'],
    ['max-length', [0], [-1], 'maximum length'],
    ['max-length-bytes', [0], [-1], 'maximum length in bytes'],
    ['max-in-memory-length', [0], [-1], 'maximum memory in bytes'],
    ['max-in-memory-bytes', [0], [-1], 'maximum memory in bytes'],
    ['queue-mode', ['default', 'lazy'], ['eager'], 'queue-mode value'],
    ['queue-version', [1, 2], [0, 3, '2'], 'queue-version value'],
    ['overflow', ['drop-head', 'reject-publish', 'reject-publish-dlx'], ['drop-tail'], 'overflow value'],
    ['delivery-limit', [-1, 0, 20], ['20', 1.5], 'delivery limit'],
    ['consumer-timeout', [0, 1000], [-1], 'consumer timeout'],
    ['delayed-retry-type', ['disabled', 'all', 'failed', 'returned'], ['some', true], 'delayed retry type'],
    ['delayed-retry-min', [0, 1000], [-1, '5'], 'delayed retry minimum'],
    ['delayed-retry-max', [0, 1000], [-1, '5'], 'delayed retry maximum'],
    ['max-age', ['1Y', '10D', '5m'], ['1y', 'D', 5], 'max age'],
    ['stream-max-segment-size-bytes', [0], [-1], 'segment size'],
    ['stream-filter-size-bytes', [16, 255], [15, 256], 'filter size. Valid range is 16-255'],
    ['queue-leader-locator', ['client-local', 'balanced'], ['nearest'], 'queue leader locator value'],
    ['initial-cluster-size', [0], [-1], 'cluster size'],
  ]

  test.each(VALUES)('checks %s', (key, right, wrong, text) => {
    for (const value of right) expect(problemsOf({ [key]: value })).toEqual([])
    for (const value of wrong)
      expect(problemsOf({ [key]: value })).toEqual([expect.stringContaining(`not a valid ${text}`)])
  })
})

test('an operator policy sets limits only', () => {
  const allowed = {
    expires: 1,
    'message-ttl': 1,
    'max-length': 1,
    'max-length-bytes': 1,
    'max-in-memory-length': 1,
    'max-in-memory-bytes': 1,
    'delivery-limit': 1,
    'queue-version': 2,
    overflow: 'drop-head',
    'delayed-retry-type': 'all',
    'delayed-retry-min': 1,
    'delayed-retry-max': 1,
  }
  expect(problemsOf(allowed, 'operator policy')).toEqual([])
  expect(problemsOf({ ...allowed, 'dead-letter-exchange': 'x' }, 'operator policy')).toEqual([
    '[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings',
  ])
})

describe('a pattern', () => {
  const found = (pattern: string, name: string) => compilePattern(pattern).test(name)

  test('is found anywhere, unless it says where', () => {
    expect([found('b', 'abc'), found('^b', 'abc'), found('', 'x'), found('^$', 'x')]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(found('^amq\\-\\_', 'amq-_')).toBe(true)
  })

  test('may have options in front, and PCRE’s ends of the text', () => {
    expect([found('(?i)^ORDERS', 'orders'), found('^ORDERS', 'orders')]).toEqual([true, false])
    expect([found('\\Aa\\z', 'a'), found('\\Aa\\Z', 'a'), found('\\Aa\\Z', 'ab'), found('\\Ab', 'ab')]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([found('\\\\Z', '\\Z'), found('\\\\Z', 'a')]).toEqual([true, false])
  })

  test.each([
    ['^(?!amq\\.).*', ['q', 'x.amq.'], ['amq.gen-1']],
    ['\\A(?!amq\\.|test)', ['q', ''], ['amq.gen-1', 'tests']],
    ['^(?!a)(?=.*z)[^)|]+$', ['bz', 'zb'], ['az', 'b', 'z|', 'z)']],
    ['(?i)^(?!amq\\.)O', ['orders', 'ORDERS'], ['AMQ.O', 'x']],
    ['^(?![(|)\\]])x\\|?', ['x'], ['(x', ']x', 'a']],
    ['^(?!a)(b|c)', ['b', 'c'], ['a', 'd']],
    ['(?<!-dlq)$', ['orders'], ['orders-dlq']],
    ['^orders(?<!s)', [], ['orders']],
  ])('may look around: %s', (pattern, right, wrong) => {
    expect(right.filter((name) => !found(pattern, name))).toEqual([])
    expect(wrong.filter((name) => found(pattern, name))).toEqual([])
  })

  test.each([
    '(',
    '[a',
    'a**',
    '(a)\\1',
    '^(?!a',
    '^(?!a)b|c',
    'a(?!b)',
    'a{1001}',
    '((a{0,100}){0,100}){0,100}',
    'a'.repeat(1025),
  ])('is refused when the engine cannot follow it: %s', (pattern) => {
    expect(problems({ pattern, definition: { expires: 1 } })).toEqual([
      expect.stringMatching(/^pattern should be regular expression but is invalid: ./),
    ])
  })

  test('takes time in proportion to the name', () => {
    // An engine that goes back takes 2^255 steps.
    expect(found('^(a+)+$', `${'a'.repeat(254)}b`)).toBe(false)
  })
})
