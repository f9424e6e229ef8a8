// What leaves a queue without having been accepted goes where its queue says, in one commit with its end there.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Message } from '../../../src/broker/messages/message.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import type { DeadLetters } from '../../../src/broker/queues/settlement.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { Segment } from '../../../storage/segment.ts'
import { get, Model, message } from '../model.ts'

interface Position {
  readonly segment: Segment
  readonly index: number
}

const PERSISTENT = { deliveryMode: 2 }

let folder: string
let storage: LevelStorage
let source: Queue
let target: Queue
let told: string[]
/** Called with every dead letter. */
let whenTold: () => void
/** Whether the dead letters may go. */
let mayGo: boolean

/** The simplest dead letter exchange: a queue. */
const toTarget: DeadLetters = {
  isBehind: false,
  isSpent: false,
  whenCaughtUp: () => {},
  whenThrough: (work) => work(),
  goOn: () => {},
  takeRefused: () => {},
  take(segment, index, reason) {
    const letter = new Message()
    letter.setStored(segment, index)
    told.push(`${source.name} ${reason} ${bodyOf({ segment, index })}`)
    if (mayGo) target.publish(letter)
    whenTold()
    letter.release()
    return mayGo
  },
}

async function open(): Promise<void> {
  storage = new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 })
  await storage.open()
  const model = new Model(storage)
  source = model.vhost.addQueue(spec('source'), [1])
  target = model.vhost.addQueue(spec('target'), [2])
  storage.dropUnclaimed()
  source.deadLetters = toTarget
}

const spec = (name: string) => ({ name, durable: true, autoDelete: false, arguments: new Map(), owner: undefined })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-dead-'))
  told = []
  whenTold = () => {}
  mayGo = true
  await open()
})

afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

function committed(): Promise<void> {
  return new Promise((resolve) => storage.journal.whenDurable(resolve))
}

function publish(...bodies: string[]): void {
  for (const body of bodies) {
    const sent = message('', 'source', body, PERSISTENT)
    sent.isDurable = true
    source.publish(sent)
  }
}

function bodyOf({ segment, index }: Position): string {
  const beside = segment.bodies?.at(index)
  if (beside !== undefined) return beside.bytes.toString('utf8', 0, 5)
  return segment.block.bytes.toString('utf8', segment.bodyStart(index), segment.bodyEnd(index)).slice(0, 5)
}

function take(queue: Queue): Position {
  let taken: Position | undefined
  get(queue, false, (segment, index) => {
    taken = { segment, index }
  })
  if (taken === undefined) throw new Error('there was nothing to take')
  return taken
}

async function drain(queue: Queue): Promise<string[]> {
  const bodies: string[] = []
  for (let found = 'taken'; found !== 'empty'; ) {
    await new Promise<void>((resolve) => {
      found = queue.pull.get(true, (segment, index) => void bodies.push(bodyOf({ segment, index })), resolve)
      if (found !== 'unread') resolve()
    })
  }
  return bodies
}

test('a rejected message moves to its dead letter queue in one commit', async () => {
  publish('first', 'large'.repeat(10_000))
  await committed()
  const { commit } = storage.journal
  for (const { segment, index } of [take(source), take(source)]) source.settle(segment, index, 'reject')
  await committed()
  expect(storage.journal.commit).toBe(commit + 1)
  expect(told).toEqual(['source reject first', 'source reject large'])
  expect(source).toMatchObject({ readyCount: 0, unackedCount: 0, unackedBytes: 0 })
  await storage.close()
  await open()
  expect([await drain(source), await drain(target)]).toEqual([[], ['first', 'large']])
})

test('what is accepted, or comes back, is no dead letter', async () => {
  publish('one', 'two')
  const [first, second] = [take(source), take(source)]
  source.settle(first.segment, first.index, 'ack')
  source.settle(second.segment, second.index, 'requeue')
  expect(told).toEqual([])
  expect(await drain(source)).toEqual(['two'])
})

test('without a place for dead letters they are dropped', async () => {
  source.deadLetters = undefined
  publish('one', 'two', 'three')
  const { segment, index } = take(source)
  source.settle(segment, index, 'reject')
  const next = take(source)
  source.settle(next.segment, next.index, 'requeue')
  source.dropHead('expired')
  expect(source).toMatchObject({ readyCount: 1, unackedCount: 0 })
  expect(await drain(target)).toEqual([])
})

test('what cannot go yet stays unacked until it is settled', () => {
  publish('one')
  mayGo = false
  const { segment, index } = take(source)
  source.settle(segment, index, 'delivery-limit')
  expect(source).toMatchObject({ readyCount: 0, unackedCount: 1 })
  source.settle(segment, index, 'ack')
  expect(source.unackedCount).toBe(0)
})

test('a record that has left memory is read back, and the order stays', async () => {
  // Several segments, the first of which leave memory once they are on the disk.
  const bodies = Array.from({ length: 5000 }, (_, i) => `${String(i).padStart(5, '0')}${'.'.repeat(1000)}`)
  publish(...bodies)
  const taken = bodies.map(() => take(source))
  await committed()
  publish('last')
  await committed()
  const away = taken.filter(({ segment }) => !segment.isResident)
  const there = taken.filter(({ segment }) => segment.isResident)
  expect(away.length).toBeGreaterThan(0)
  expect(there.length).toBeGreaterThan(0)
  const rejected = [...away.slice(0, 3), ...there.slice(0, 3)]
  const allTold = new Promise<void>((resolve) => {
    whenTold = () => void (told.length === rejected.length && resolve())
  })
  for (const { segment, index } of rejected) source.settle(segment, index, 'reject')
  expect(told).toEqual([])
  await allTold
  const numbers = rejected.map((one) => String(taken.indexOf(one)).padStart(5, '0'))
  expect(told).toEqual(numbers.map((number) => `source reject ${number}`))
  expect(source.unackedCount).toBe(5000 - 6)
})
