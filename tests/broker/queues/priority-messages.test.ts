import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import { LOG_BYTES } from '../../../src/broker/memory/topology-bytes.ts'
import { EveryPriority } from '../../../src/broker/queues/level-rules.ts'
import { PriorityMessages } from '../../../src/broker/queues/priority-messages.ts'
import { QueueLogs } from '../../../src/broker/queues/queue-logs.ts'
import { MemoryStorage } from '../../../storage/memory/memory-storage.ts'
import type { Segment } from '../../../storage/segment.ts'
import { Model, message } from '../model.ts'

interface Taken {
  readonly entry: Entry
  readonly segment: Segment
  readonly index: number
}

interface Entry {
  readonly number: number
  readonly level: number
  returned: boolean
}

function withPriority(number: number, priority: number | undefined) {
  return message('', 'q', `message ${number}`, priority === undefined ? {} : { priority })
}

function bodyOf(segment: Segment, index: number): string {
  return segment.block.bytes.toString('utf8', segment.bodyStart(index), segment.bodyEnd(index))
}

/** The same by a sorted list. */
class Sorted {
  readonly ready: Entry[] = []
  readonly taken: Taken[] = []
  #count = 0

  add(level: number): number {
    const number = ++this.#count
    this.#insert({ number, level, returned: false })
    return number
  }

  putBack(entry: Entry): void {
    entry.returned = true
    this.#insert(entry)
  }

  #insert(entry: Entry): void {
    this.ready.push(entry)
    this.ready.sort((a, b) => b.level - a.level || a.number - b.number)
  }
}

const command = fc.oneof(
  {
    weight: 25,
    arbitrary: fc.record({ kind: fc.constant('append'), value: fc.option(fc.nat(255), { nil: undefined }) }),
  },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('take'), value: fc.nat(1) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom('settle', 'requeue', 'takeAt'), value: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge'), value: fc.constant(0) }) },
)

function check(messages: PriorityMessages, { ready, taken }: Sorted): void {
  const bytes = (entries: readonly Entry[]): number =>
    entries.reduce((sum, { number }) => sum + `message ${number}`.length, 0)
  expect(messages.readyCount).toBe(ready.length)
  expect(messages.readyBytes).toBe(bytes(ready))
  expect(messages.unackedBytes).toBe(bytes(taken.map(({ entry }) => entry)))
  expect(messages.peek()).toBe(ready.length > 0)
  if (ready[0] !== undefined)
    expect(bodyOf(messages.segment as Segment, messages.index)).toBe(`message ${ready[0].number}`)
}

test('messages come in the order of their levels, whatever is taken, settled, put back and purged', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 4, 31, 32, 255), fc.array(command, { maxLength: 120 }), (levelMax, commands) => {
      const logs = new QueueLogs(new MemoryStorage(), false)
      const messages = new PriorityMessages(logs, new EveryPriority(levelMax))
      const model = new Sorted()
      const levels = new Set([0])
      for (const { kind, value } of commands) {
        const taken = model.taken[(value ?? 0) % Math.max(1, model.taken.length)]
        if (kind === 'append') {
          const level = Math.min(value ?? 0, levelMax)
          levels.add(level)
          messages.append(withPriority(model.add(level), value))
        } else if (kind === 'take' && model.ready.length > 0) {
          messages.take(value === 0)
          const entry = model.ready.shift() as Entry
          const { segment, index, isRedelivered } = messages
          expect(bodyOf(segment as Segment, index)).toBe(`message ${entry.number}`)
          expect(isRedelivered).toBe(entry.returned)
          if (value === 0) model.taken.push({ entry, segment: segment as Segment, index })
          else messages.finish(segment as Segment, index)
        } else if (kind === 'takeAt' && taken !== undefined) {
          // What is ready again can be taken from its place.
          messages.requeue(taken.segment, taken.index)
          expect(messages.takeAt(taken.segment, taken.index)).toBe(true)
          expect(messages.takeAt(taken.segment, taken.index)).toBe(false)
          taken.entry.returned = true
        } else if ((kind === 'settle' || kind === 'requeue') && taken !== undefined) {
          model.taken.splice(model.taken.indexOf(taken), 1)
          messages[kind](taken.segment, taken.index)
          if (kind === 'requeue') model.putBack(taken.entry)
        } else if (kind === 'purge') expect(messages.purge()).toBe(model.ready.splice(0).length)
        check(messages, model)
      }
      expect(logs.count).toBe(levels.size)
    }),
  )
})

test('a message that was left out as damaged is ready no more', () => {
  const messages = new PriorityMessages(new QueueLogs(new MemoryStorage(), false), new EveryPriority(9))
  messages.append(withPriority(1, 5))
  messages.append(withPriority(2, 0))
  messages.peek()
  const [segment, index] = [messages.segment as Segment, messages.index]
  const { log } = segment
  if (log === undefined || !('whenCorrected' in log)) throw new Error('a level has no log that tells of damage')
  expect(log.takeAt(segment, index)).toBe(true)
  log.settle(segment, index)
  ;(log.whenCorrected as (count: number) => void)(-1)
  expect(messages.readyCount).toBe(1)
  messages.take(true)
  expect(bodyOf(messages.segment as Segment, messages.index)).toBe('message 2')
})

test('levels that were not used cost nothing', () => {
  let made = 0
  const storage = new MemoryStorage()
  const logs = new QueueLogs(storage, false)
  logs.owner = { logMade: () => made++ }
  const messages = new PriorityMessages(logs, new EveryPriority(255))
  messages.append(withPriority(1, 0))
  expect([made, logs.count]).toEqual([0, 1])
  messages.append(withPriority(2, 200))
  messages.append(withPriority(3, 200))
  expect([made, logs.count]).toEqual([1, 2])
})

test('the logs of its levels count with the queue, and go with it', () => {
  const model = new Model()
  const before = model.vhost.topology.bytes
  const queue = model.queue('q', { arguments: fieldTable({ 'x-max-priority': 255 }) })
  const declared = model.vhost.topology.bytes
  for (const priority of [0, 7, 200, 7, 255]) queue.publish(withPriority(1, priority))
  expect(queue.logs.count).toBe(4)
  expect(model.vhost.topology.bytes - declared).toBe(3 * LOG_BYTES)
  model.vhost.removeQueue(queue)
  expect(model.vhost.topology.bytes).toBe(before)
  expect(model.storage.bytesInUse).toBe(0)
})
