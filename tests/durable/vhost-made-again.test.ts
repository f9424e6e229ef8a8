// A virtual host with something of everything is deleted and made again at once: nothing of the old one acts on the new one, now or
// after a restart.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DURABLE, DurableServer, PERSISTENT } from './durable-server.ts'

/** More than goes, or is given back, in one turn. */
const QUEUES = 200
const MESSAGES = 5000
const ALL = { configure: '.*', write: '.*', read: '.*' }

let durable: DurableServer

beforeEach(async () => {
  durable = await DurableServer.start()
})

afterEach(() => durable.remove())

async function fill(): Promise<void> {
  const { server } = durable
  await server.users.add('ann', 'a long password')
  const staging = server.broker.createVhost('staging')
  await staging.permissions.set('guest', ALL)
  await staging.permissions.set('ann', ALL)
  await staging.limits.set({ maxQueues: QUEUES + 10 })
  await staging.policies.set('short', { pattern: '.*', definition: { 'max-length': MESSAGES } })
  const channel = await durable.channel({ vhost: 'staging' })
  await channel.exchange('fanout', { durable: true, autoDelete: false }, 'x')
  for (let i = 0; i < QUEUES; i++) await channel.queue(DURABLE, `q${i}`)
  await channel.bind('q0', 'x')
  for (let i = 0; i < QUEUES; i++) await channel.bind('q0', 'amq.direct', `k${i}`)
  for (let i = 0; i < MESSAGES; i++) channel.publish({ exchange: 'x', body: 'old', properties: PERSISTENT })
  await channel.consume('q0')
  for (let i = 0; i < MESSAGES; i++) await channel.delivery()
  await channel.queue({ exclusive: true }, 'own')
}

/** The new one, which has one queue and one exchange. */
async function expectNew(): Promise<void> {
  const { server } = durable
  const staging = server.broker.vhost('staging')
  if (staging === undefined) throw new Error('it is not there')
  expect(
    staging.queues().map(({ name, messagesReady, messagesUnacked }) => [name, messagesReady, messagesUnacked]),
  ).toEqual([['q0', 0, 0]])
  expect(server.core.requireVhost('staging').bindingCount).toBe(0)
  expect([staging.policies.list(), staging.limits.get()]).toEqual([[], {}])
  expect(staging.permissions.list().map(({ user }) => user)).not.toContain('ann')
  expect(staging.publish('x', '', 'to nobody').routed).toBe(false)
  expect(server.broker.queues()).toEqual([])
  const { connections, channels, consumers } = server.core.clientCounts
  expect([connections.ofVhost('staging'), channels.ofVhost('staging'), consumers.ofVhost('staging')]).toEqual([0, 0, 0])
}

test('nothing of a virtual host acts on another one that has its name', async () => {
  await fill()
  const { server } = durable
  server.broker.deleteVhost('staging')
  const staging = server.broker.createVhost('staging')
  staging.declareExchange('x', 'fanout', { durable: true })
  staging.declareQueue('q0', { durable: true })
  await expectNew()
  await staging.whenDurable()
  await expectNew()
  await durable.restart()
  await expectNew()
  expect([durable.damage, durable.errors()]).toEqual([[], []])
})
