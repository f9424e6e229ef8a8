import { describe, expect, test } from 'vitest'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import {
  makePolicy,
  type PolicyDefinition,
  type PolicyKind,
  type PolicyRequest,
} from '../../../src/broker/policies/policy.ts'
import { NO_POLICY, PolicySet, type PolicyTarget } from '../../../src/broker/policies/policy-set.ts'
import { SharedArguments } from '../../../src/broker/queues/shared-arguments.ts'

const queue = (name: string, type: 'classic' | 'quorum' | 'stream' = 'classic'): PolicyTarget => ({
  kind: 'queue',
  name,
  type,
})
const exchange = (name: string): PolicyTarget => ({ kind: 'exchange', name })

class Policies {
  readonly set = new PolicySet()

  put(name: string, request: PolicyRequest, kind: PolicyKind = 'policy'): this {
    this.set.put(kind, makePolicy(kind, name, { pattern: '', definition: { 'max-length-bytes': 1 }, ...request }))
    return this
  }

  /** The names of what applies. */
  names(target: PolicyTarget): [policy: string | undefined, operatorPolicy: string | undefined] {
    const { policy, operatorPolicy } = this.set.effective(target)
    return [policy?.name, operatorPolicy?.name]
  }

  definition(target: PolicyTarget): PolicyDefinition {
    return this.set.effective(target).definition
  }
}

describe('of the policies', () => {
  test('the one with the highest priority applies, and no other', () => {
    const policies = new Policies()
      .put('low', { definition: { expires: 5 }, priority: -1 })
      .put('high', { pattern: '^a', definition: { 'message-ttl': 5 }, priority: 10 })
      .put('middle', { definition: { 'max-length': 5 } })
    expect(policies.definition(queue('a'))).toEqual({ 'message-ttl': 5 })
    expect(policies.definition(queue('b'))).toEqual({ 'max-length': 5 })
    policies.set.remove('policy', 'middle')
    expect(policies.names(queue('b'))).toEqual(['low', undefined])
  })

  test('the first by name applies when they have the same priority', () => {
    for (const names of [
      ['b', 'a', 'c'],
      ['c', 'a', 'b'],
    ]) {
      const policies = new Policies()
      for (const name of names) policies.put(name, {})
      expect(policies.names(queue('q'))[0]).toBe('a')
    }
  })

  test('none applies to nothing', () => {
    expect(new PolicySet().effective(queue('q'))).toBe(NO_POLICY)
    expect(new Policies().put('p', { pattern: '^a' }).set.effective(queue('q'))).toBe(NO_POLICY)
    expect(NO_POLICY).toMatchObject({ policy: undefined, operatorPolicy: undefined, definition: {} })
  })

  test('a new one takes the place of that of the same name', () => {
    const policies = new Policies().put('p', { definition: { expires: 1 } }).put('p', { definition: { expires: 2 } })
    expect(policies.definition(queue('q'))).toEqual({ expires: 2 })
    expect([policies.set.policies('policy').length, policies.set.policy('operator policy', 'p')]).toEqual([
      1,
      undefined,
    ])
    const removed = [policies.set.remove('policy', 'p'), policies.set.remove('policy', 'p')]
    expect(removed.map((policy) => policy?.name)).toEqual(['p', undefined])
  })

  test.each([
    ['all', [true, true, true, true]],
    ['queues', [true, true, true, false]],
    ['classic_queues', [true, false, false, false]],
    ['quorum_queues', [false, true, false, false]],
    ['streams', [false, false, true, false]],
    ['exchanges', [false, false, false, true]],
  ] as const)('those for %s apply to these only', (applyTo, expected) => {
    const policies = new Policies().put('p', { applyTo })
    const targets = [queue('q'), queue('q', 'quorum'), queue('q', 'stream'), exchange('x')]
    expect(targets.map((target) => policies.names(target)[0] === 'p')).toEqual(expected)
  })

  test('those with a key that means nothing for the queue’s type do not apply at all', () => {
    const policies = new Policies()
      .put('quorum', { definition: { 'delivery-limit': 5, 'max-length': 1 }, priority: 3 })
      .put('stream', { definition: { 'max-age': '1D' }, priority: 2 })
      .put('classic', { definition: { 'queue-mode': 'lazy', 'message-ttl': 1 }, priority: 1 })
    expect(policies.names(queue('q'))[0]).toBe('classic')
    expect(policies.names(queue('q', 'quorum'))[0]).toBe('quorum')
    expect(policies.names(queue('q', 'stream'))[0]).toBe('stream')
    expect(policies.names(exchange('x'))[0]).toBe('quorum')
  })
})

describe('an operator policy', () => {
  const operator = { 'message-ttl': 10, 'max-length': 10, 'delivery-limit': 10, overflow: 'reject-publish' }

  test('applies beside a policy: the lower number counts, and its overflow', () => {
    const own = {
      'message-ttl': 5,
      'max-length': 15,
      overflow: 'drop-head',
      'dead-letter-exchange': 'x',
      'delivery-limit': -1,
    }
    const policies = new Policies().put('p', { definition: own }).put('o', { definition: operator }, 'operator policy')
    expect(policies.names(queue('q', 'quorum'))).toEqual(['p', 'o'])
    expect(policies.definition(queue('q', 'quorum'))).toEqual({
      'message-ttl': 5,
      'max-length': 10,
      overflow: 'reject-publish',
      'dead-letter-exchange': 'x',
      'delivery-limit': 10,
    })
  })

  test('applies alone', () => {
    const policies = new Policies().put('o', { definition: operator }, 'operator policy')
    expect(policies.names(queue('q', 'quorum'))).toEqual([undefined, 'o'])
    expect(policies.definition(queue('q', 'quorum'))).toEqual(operator)
  })
})

test('what the same policies come to is shared', () => {
  const policies = new Policies().put('p', { pattern: '^a' }).put('o', { pattern: '1$' }, 'operator policy')
  const both = policies.set.effective(queue('a1'))
  expect(policies.set.effective(queue('ab1'))).toBe(both)
  const others = [policies.set.effective(queue('a')), policies.set.effective(queue('1'))]
  expect(new Set([both, ...others, NO_POLICY]).size).toBe(4)
})

describe('a queue’s settings follow from its arguments and from what applies to it', () => {
  const settingsWith = (
    queueArguments: PlainTable,
    policy: PolicyDefinition | undefined,
    operatorPolicy?: PolicyDefinition,
  ) => {
    const policies = new Policies()
    if (policy !== undefined) policies.put('p', { definition: policy })
    if (operatorPolicy !== undefined) policies.put('o', { definition: operatorPolicy }, 'operator policy')
    return new SharedArguments().settings(fieldTable(queueArguments), policies.set.effective(queue('q', 'quorum')))
  }

  // Of the lower ones, each of the three may be the lowest.
  test.each([
    ['message-ttl', 'messageTtlMs'],
    ['expires', 'expiresMs'],
    ['max-length', 'maxLength'],
    ['max-length-bytes', 'maxLengthBytes'],
    ['delivery-limit', 'deliveryLimit'],
  ])('the lowest %s counts', (key, setting) => {
    const lowest = (byArgument: number, byPolicy: number, byOperator: number) =>
      settingsWith({ [`x-${key}`]: byArgument }, { [key]: byPolicy }, { [key]: byOperator })
    expect(lowest(1, 2, 3)).toHaveProperty(setting, 1)
    expect(lowest(2, 1, 3)).toHaveProperty(setting, 1)
    expect(lowest(3, 2, 1)).toHaveProperty(setting, 1)
    expect(settingsWith({}, { [key]: 7 })).toHaveProperty(setting, 7)
    expect(settingsWith({}, undefined, { [key]: 8 })).toHaveProperty(setting, 8)
    expect(settingsWith({ [`x-${key}`]: 9 }, undefined)).toHaveProperty(setting, 9)
    expect(settingsWith({}, undefined)).toHaveProperty(setting, undefined)
  })

  test.each([
    ['dead-letter-exchange', 'deadLetterExchange', 'mine', 'theirs'],
    ['dead-letter-routing-key', 'deadLetterRoutingKey', 'mine', 'theirs'],
    ['overflow', 'overflow', 'drop-head', 'reject-publish'],
  ])('the argument for %s counts, before a policy', (key, setting, mine, theirs) => {
    expect(settingsWith({ [`x-${key}`]: mine }, { [key]: theirs })).toHaveProperty(setting, mine)
    expect(settingsWith({}, { [key]: theirs })).toHaveProperty(setting, theirs)
  })

  test('no delivery limit is higher than every limit', () => {
    const limits = (byArgument: number, byPolicy: number, byOperator: number) =>
      settingsWith({ 'x-delivery-limit': byArgument }, { 'delivery-limit': byPolicy }, { 'delivery-limit': byOperator })
    expect(limits(-1, 5, 7).deliveryLimit).toBe(5)
    expect(limits(5, -1, -1).deliveryLimit).toBe(5)
    expect(limits(-1, -1, -1).deliveryLimit).toBe(-1)
  })

  test('the lower consumer timeout counts', () => {
    const timeout = (byArgument: number, byPolicy: number) =>
      settingsWith({ 'x-consumer-timeout': byArgument }, { 'consumer-timeout': byPolicy }).consumerTimeoutMs
    expect([timeout(1, 2), timeout(2, 1)]).toEqual([1, 1])
  })

  test('the overflow of an operator policy counts before that of a policy', () => {
    const [policy, operatorPolicy] = [{ overflow: 'drop-head' }, { overflow: 'reject-publish' }]
    expect(settingsWith({}, policy, operatorPolicy).overflow).toBe('reject-publish')
    expect(settingsWith({ 'x-overflow': 'reject-publish-dlx' }, policy, operatorPolicy).overflow).toBe(
      'reject-publish-dlx',
    )
  })
})
