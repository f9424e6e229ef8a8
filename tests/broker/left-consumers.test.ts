// Very many consumers of a client that goes: they are gone at once for all who look, and go turn by turn.
import { describe, expect, test } from 'vitest'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { consumerBytes } from '../../src/broker/memory/topology-bytes.ts'
import { declareQueue } from '../../src/broker/operations/queue-declaration.ts'
import type { Consumer } from '../../src/broker/queues/consumer.ts'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { brokerStats } from '../../src/broker/statistics/broker-stats.ts'
import { removeLeft } from '../../src/broker/vhost-removal.ts'
import { Model, message, session } from './model.ts'

const COUNT = 1000
const NEW = { durable: false, exclusive: false, autoDelete: false, arguments: new Map() }

function manyQueues(model: Model, autoDelete = false): Queue[] {
  return Array.from({ length: COUNT }, (_, i) => model.queue(`q${i}`, { autoDelete }))
}

describe('very many consumers of a client that goes', () => {
  function leaveAll(model: Model, consumers: readonly Consumer[]): void {
    for (const consumer of consumers) if (consumer.queue.leave(consumer)) model.vhost.forgetQueue(consumer.queue)
    removeLeft(model.vhost, consumers)
  }

  function consumersOf(model: Model, queues: readonly Queue[]): Consumer[] {
    return queues.map((queue) => {
      const { consumer } = model.consumer(queue)
      model.topology.add(consumerBytes(consumer))
      return consumer
    })
  }

  test('are gone at once for all who look, and take memory until they have gone', () => {
    const model = new Model()
    const queues = manyQueues(model)
    const before = model.topology.bytes
    const consumers = consumersOf(model, queues)
    leaveAll(model, consumers)
    const last = queues[COUNT - 1] as Queue
    expect([last.consumers.count, last.consumers.all()]).toEqual([0, []])
    expect(model.topology.bytes).toBeGreaterThan(before + consumerBytes(consumers[0] as Consumer) * (COUNT / 2))
    const { sink } = model.consumer(last, { isExclusive: true })
    last.publish(message('', last.name, 'm'))
    model.run()
    expect([model.topology.bytes, model.vhost.queueCount, sink.bodies]).toEqual([before, COUNT, ['m']])
  })

  test('take auto-delete queues with them that have no others', () => {
    const model = new Model()
    const { vhost } = model
    const queues = manyQueues(model, true)
    const consumers = consumersOf(model, queues)
    const stays = queues[COUNT - 1] as Queue
    model.consumer(stays)
    leaveAll(model, consumers)
    expect([[...vhost.queues()], vhost.queueCount]).toEqual([[stays], 1])
    expect(brokerStats([vhost])).toMatchObject({ queues: 1, consumers: 1 })
    expect(vhost.heldQueueCount).toBeGreaterThan(COUNT / 2)
    const again = declareQueue(vhost, { ...NEW, name: `q${COUNT - 2}` }, session())
    model.run()
    expect([...vhost.queues()]).toEqual([stays, again])
    expect([vhost.heldQueueCount, vhost.churn.queuesDeleted]).toEqual([2, COUNT - 1])
  })

  test('leave to the next one at once what only one gets', () => {
    const model = new Model()
    const queue = model.queue('q', { arguments: fieldTable({ 'x-single-active-consumer': true }) })
    const [first, next] = [model.consumer(queue).consumer, model.consumer(queue).consumer]
    expect(queue.leave(first)).toBe(false)
    expect([queue.consumers.active, queue.consumers.all()]).toEqual([next, [next]])
  })

  test('go all the same when one of them cannot go as it should', () => {
    const model = new Model()
    const queues = manyQueues(model)
    const consumers = consumersOf(model, queues)
    const bad = queues[COUNT / 2] as Queue
    bad.consumers.remove = () => {
      throw new Error('this one does not go')
    }
    leaveAll(model, consumers)
    expect(() => model.run()).toThrow('this one does not go')
    model.defects.length = 0
    model.run()
    expect(model.vhost.removals.isEmpty).toBe(true)
  })
})
