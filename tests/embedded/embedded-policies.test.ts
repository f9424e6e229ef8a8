// Policies, set by the program and seen by clients.
import { describe, expect, test } from 'vitest'
import { checkEntities } from '../../src/cli/store/check-entities.ts'
import { startTestBroker } from '../../src/testing.ts'
import type { RawClient } from '../support/raw-client.ts'
import { useDurableBroker } from './durable-broker.ts'
import { refusal } from './refusal.ts'

const durable = useDurableBroker()

const client = (vhost = '/'): Promise<RawClient> => durable.open({ vhost })

const limit = { pattern: '^q', definition: { 'max-length': 5 } } as const

describe('a policy', () => {
  test('is set, looked at, changed and deleted', async () => {
    const { policies } = durable.broker
    await policies.set('p', limit)
    await policies.set('first', { ...limit, priority: 2.5, applyTo: 'queues' })
    const first = { name: 'first', ...limit, priority: 2.5, applyTo: 'queues' }
    expect(policies.list()).toEqual([first, { name: 'p', ...limit, priority: 0, applyTo: 'all' }])
    expect(policies.get('first')).toEqual(first)
    await policies.set('p', { pattern: '', definition: { expires: 1000 } })
    expect(policies.get('p')).toMatchObject({ pattern: '', definition: { expires: 1000 } })
    expect(await policies.delete('first')).toBe(true)
    expect(await policies.delete('first')).toBe(false)
    expect(policies.get('first')).toBeUndefined()
    expect(durable.broker.operatorPolicies.list()).toEqual([])
  })

  test('is refused with RabbitMQ’s texts, and an unknown option with the nearest one', async () => {
    const { policies, operatorPolicies } = durable.server
    const wrong = policies.set('p', { pattern: '(', definition: { foo: 1 } })
    await expect(wrong).rejects.toThrow(
      /^Validation failed\n\n\[\{<<"foo">>,1\}\] are not recognised policy settings\npattern should be regular expression/,
    )
    await expect(operatorPolicies.set('o', { pattern: '', definition: { 'alternate-exchange': 'x' } })).rejects.toThrow(
      'are not recognised policy settings',
    )
    const misspelt = { ...limit, 'apply-to': 'queues' }
    await expect(policies.set('p', misspelt)).rejects.toThrow(
      "unknown option 'apply-to' of set; did you mean 'applyTo'?",
    )
    await expect(policies.set('x'.repeat(256), limit)).rejects.toThrow(RangeError)
    expect(policies.list()).toEqual([])
  })

  test('is shown with what it applies to', async () => {
    const { broker } = durable
    broker.declareQueue('q1')
    await broker.policies.set('p', { pattern: '^q', definition: { 'max-length': 5, overflow: 'drop-head' } })
    await broker.operatorPolicies.set('o', { pattern: '1$', definition: { 'max-length': 3 } })
    expect(broker.queueInfo('q1')).toMatchObject({
      policy: 'p',
      operatorPolicy: 'o',
      effectivePolicyDefinition: { 'max-length': 3, overflow: 'drop-head' },
    })
    expect(broker.declareQueue('x')).toMatchObject({
      policy: undefined,
      operatorPolicy: undefined,
      effectivePolicyDefinition: {},
    })
    expect(broker.declareExchange('q-x', 'direct')).toMatchObject({
      policy: 'p',
      operatorPolicy: undefined,
      effectivePolicyDefinition: { 'max-length': 5, overflow: 'drop-head' },
    })
  })

  test('gives an exchange its alternate exchange while a client publishes to it', async () => {
    const { broker } = durable
    const connection = await client()
    const channel = await connection.channel(1)
    await channel.call('exchange.declare', { exchange: 'shop', type: 'direct' })
    await channel.call('exchange.declare', { exchange: 'rest', type: 'fanout' })
    await channel.call('queue.declare', { queue: 'lost' })
    await channel.bind('lost', 'rest')
    const publish = async (body: string): Promise<boolean> => {
      channel.publish({ exchange: 'shop', routingKey: 'k', body, mandatory: true })
      channel.send('queue.declare', { queue: 'lost', passive: true })
      const { name } = await channel.next()
      if (name === 'basic.return') await channel.expect('queue.declare-ok')
      return name !== 'basic.return'
    }
    const fallback = { pattern: '^shop$', definition: { 'alternate-exchange': 'rest' }, applyTo: 'exchanges' } as const
    expect(await publish('1')).toBe(false)
    await broker.policies.set('fallback', fallback)
    expect(await publish('2')).toBe(true)
    await broker.policies.delete('fallback')
    expect(await publish('3')).toBe(false)
    expect(await channel.drain('lost')).toEqual(['2'])
    // A redeclaration is about the arguments, not the policy.
    await broker.policies.set('fallback', fallback)
    await channel.call('exchange.declare', { exchange: 'shop', type: 'direct' })
    connection.destroy()
  })
})

describe('policies over a restart', () => {
  test('are there, and in effect', async () => {
    const { broker } = durable
    broker.declareQueue('q')
    broker.declareExchange('q-x', 'direct')
    await broker.policies.set('p', {
      pattern: '^q',
      definition: { 'max-length': 5, 'alternate-exchange': 'é' },
      priority: 1.5,
    })
    await broker.operatorPolicies.set('p', { ...limit, applyTo: 'classic_queues' })
    await broker.policies.set('gone', limit)
    await broker.policies.delete('gone')
    const before = [broker.policies.list(), broker.operatorPolicies.list(), broker.queueInfo('q')]
    await durable.restart()
    const again = durable.broker
    expect([again.policies.list(), again.operatorPolicies.list(), again.queueInfo('q')]).toEqual(before)
    expect(durable.server.core.requireVhost('/').requireQueue('q').settings.maxLength).toBe(5)
    expect(durable.server.core.requireVhost('/').requireExchange('q-x').alternateExchange).toBe('é')
    expect(durable.server.recovery?.problems).toEqual([])
  })

  test('go with their virtual host', async () => {
    const staging = durable.broker.createVhost('staging')
    await staging.policies.set('p', limit)
    expect(durable.broker.policies.list()).toEqual([])
    durable.broker.deleteVhost('staging')
    await expect(staging.policies.set('p', limit)).rejects.toThrow('vhost staging not found')
    expect(refusal(() => staging.policies.list())).toEqual({ kind: 'not-allowed', text: 'vhost staging not found' })
    await durable.broker.whenDurable()
    expect(durable.broker.createVhost('staging').policies.list()).toEqual([])
    await durable.restart()
    expect(durable.broker.vhost('staging')?.policies.list()).toEqual([])
  })

  test('stay in the store when they make no sense, and are told of by the check', async () => {
    const entities = [
      { kind: 1, key: '["/"]', value: new Uint8Array() },
      { kind: 6, key: '["/","policy","p"]', value: Buffer.from([0, 0, 0, 0]) },
      { kind: 6, key: '["/","wish","p"]', value: Buffer.from([0, 0, 0, 0]) },
    ]
    const { problems, refused } = checkEntities(entities)
    expect(problems.filter((text) => text.startsWith('policy'))).toHaveLength(2)
    expect(refused.filter(({ kind }) => kind === 6)).toHaveLength(2)
    expect(durable.server.core.entityRegistry.mayGo(6)).toBe(false)
  })

  test('are no concern of a memory storage', async () => {
    const other = await startTestBroker()
    await other.broker.policies.set('p', limit)
    other.broker.declareQueue('q')
    expect(other.broker.queueInfo('q')?.policy).toBe('p')
    other.reset()
    expect(other.broker.policies.list()).toEqual([])
    await other.stop()
  })
})
