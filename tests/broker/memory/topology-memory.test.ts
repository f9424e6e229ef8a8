import { describe, expect, test } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import { MemoryAlarm } from '../../../src/broker/memory/memory-alarm.ts'
import { TopologyMemory } from '../../../src/broker/memory/topology-memory.ts'
import { clearVhost } from '../../../src/broker/vhost-removal.ts'
import { Model } from '../model.ts'

const MEBIBYTE = 1024 * 1024
const USE = { storageBytes: () => 0, otherBytes: () => 0, heapBytes: () => 0, heapLimitBytes: 4096 * MEBIBYTE }

describe('TopologyMemory', () => {
  test('counts what is there, and nothing of what is gone', () => {
    const { vhost, topology } = new Model()
    const before = topology.bytes
    const large = fieldTable({ note: 'x'.repeat(100_000), list: [1, 'ü', null, { deep: true }] })
    const spec = { durable: false, autoDelete: false, arguments: large }
    const queue = vhost.addQueue({ ...spec, name: 'q', owner: undefined })
    const exchange = vhost.addExchange({ ...spec, name: 'e', type: 'direct', internal: false })
    expect(topology.bytes - before).toBeGreaterThan(200_000)
    for (const destination of [queue, exchange]) {
      const binding = { source: exchange, destination, routingKey: 'key', arguments: large, id: destination.kind }
      vhost.addBinding(binding)
      vhost.addBinding(binding)
    }
    expect(topology.bytes - before).toBeGreaterThan(400_000)
    expect(topology.bytes - before).toBeLessThan(500_000)
    vhost.removeQueue(queue)
    vhost.removeExchange(exchange)
    expect(topology.bytes).toBe(before)
    clearVhost(vhost, () => {}, { number: 1, step: () => true })
    expect(topology.bytes).toBe(0)
  })

  test('leaves room for what is small when there is none for what is large', () => {
    const memory = new MemoryAlarm(1000 * MEBIBYTE, USE)
    const topology = new TopologyMemory(memory, 116 * MEBIBYTE)
    topology.add(35 * MEBIBYTE - 20_000)
    expect(topology.hasRoomFor(20_000)).toBe(true)
    expect(topology.hasRoomFor(20_001)).toBe(false)
    topology.add(15 * MEBIBYTE)
    expect(topology.hasRoomFor(1000)).toBe(true)
    topology.add(20_000)
    expect(topology.hasRoomFor(1000)).toBe(false)
  })

  test('counts for the memory limit at once, and has no room for what is large while memory is short', () => {
    const memory = new MemoryAlarm(10 * MEBIBYTE, USE)
    const topology = new TopologyMemory(memory, 1000 * MEBIBYTE)
    topology.add(10 * MEBIBYTE + 1)
    memory.check()
    expect(memory.isActive).toBe(true)
    expect(topology.hasRoomFor(100_000)).toBe(false)
    expect(topology.hasRoomFor(1000)).toBe(true)
    topology.remove(MEBIBYTE)
    memory.check()
    expect(topology.hasRoomFor(100_000)).toBe(true)
  })
})
