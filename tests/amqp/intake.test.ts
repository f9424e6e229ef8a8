// Who has to wait, for what, and what the client is told of it: in every order in which memory and the disk may fall short.
import { beforeEach, describe, expect, test } from 'vitest'
import { Intake } from '../../src/amqp/intake.ts'
import { Alarm } from '../../src/lib/alarm.ts'
import { FakeConnection } from './fake-connection.ts'

const MESSAGE_BYTES_MAX = 1000

let connection: FakeConnection
let memory: { heldBytes: number; isActive: boolean; pacing: Alarm; checks: number; check(): void }
let loadAlarm: Alarm
let storeAlarm: Alarm
let spent: number
let intake: Intake

beforeEach(() => {
  connection = new FakeConnection()
  connection.phase = 'open'
  connection.clientCapabilities = { ...connection.clientCapabilities, connectionBlocked: true }
  memory = { heldBytes: 0, isActive: false, pacing: new Alarm(), checks: 0, check: () => void memory.checks++ }
  spent = 0
  const inputTurn = {
    spend: (units: number): boolean => {
      spent += units
      return false
    },
  }
  loadAlarm = new Alarm()
  storeAlarm = new Alarm()
  intake = new Intake(connection, { memory, loadAlarm, storeAlarm, inputTurn }, MESSAGE_BYTES_MAX)
})

/** A piece of input, in which this happens. */
function piece(...happens: (() => void)[]): void {
  intake.beforeInput()
  for (const act of happens) act()
  intake.afterInput()
}

const publish = (): void => {
  intake.hasPublished = true
}
const storeDurably = (): void => {
  connection.journal.stagedCount++
}
const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('while memory is short', () => {
  beforeEach(() => {
    memory.isActive = true
  })

  test('a client that publishes is told once, and not read from until there is room', () => {
    piece(publish)
    expect(connection.events()).toEqual(['send connection.blocked low on memory', 'pause'])
    piece(publish)
    intake.tellBlocked('memory')
    expect(connection.events()).toEqual([])
    memory.isActive = false
    intake.unblock('memory')
    intake.unblock('memory')
    expect(connection.events()).toEqual(['resume', 'send connection.unblocked'])
  })

  test('a client that only consumes goes on', () => {
    piece()
    piece()
    expect(connection.events()).toEqual([])
  })

  test('a client that cannot be told waits all the same', () => {
    connection.clientCapabilities = { ...connection.clientCapabilities, connectionBlocked: false }
    piece(publish)
    intake.unblock('memory')
    expect(connection.events()).toEqual(['pause', 'resume'])
  })

  test.each(['handshake', 'closing', 'closed'] as const)(
    'a connection that is %s neither waits nor is told',
    (phase) => {
      connection.phase = phase
      expect(intake.beforeInput()).toBe(false)
      publish()
      intake.afterInput()
      intake.unblock('memory')
      expect(connection.events()).toEqual([])
    },
  )

  test('a connection that ends while it waits is not told that there is room', () => {
    piece(publish)
    connection.events()
    connection.phase = 'closing'
    intake.unblock('memory')
    expect(connection.events()).toEqual(['resume'])
  })

  test('publishes are held in front of the next one', () => {
    expect(intake.beforeInput()).toBe(true)
    intake.publishHeld()
    intake.afterInput()
    expect(connection.events()).toEqual(['send connection.blocked low on memory', 'pause'])
  })

  test('a publish that was held goes on in the next turn when deliveries have made room meanwhile', async () => {
    piece(intake.publishHeld.bind(intake), () => {
      memory.isActive = false
    })
    expect(connection.events()).toEqual(['pause'])
    await nextTurn()
    expect(connection.events()).toEqual(['resume'])
  })

  test('what could never be freed is refused', () => {
    expect(() => intake.refuseIfShortOfMemory()).toThrow('low on memory')
    memory.isActive = false
    intake.refuseIfShortOfMemory()
  })
})

describe('when the disk does not keep up', () => {
  beforeEach(() => {
    connection.journal.isCongested = true
  })

  test('a client that gave it more to do waits without a word', () => {
    piece(publish, storeDurably)
    expect(connection.events()).toEqual(['pause'])
    intake.unblock('disk')
    expect(connection.events()).toEqual(['resume'])
  })

  test('one that did not goes on', () => {
    piece(publish)
    piece()
    expect(connection.events()).toEqual([])
  })

  test('one that waits is told when it turns out that the disk fails', () => {
    piece(publish, storeDurably)
    connection.events()
    connection.journal.trouble = 'the disk is full'
    intake.diskFailed()
    intake.diskFailed()
    expect(connection.events()).toEqual(['send connection.blocked low on disk'])
    connection.journal.trouble = undefined
    intake.unblock('disk')
    expect(connection.events()).toEqual(['resume', 'send connection.unblocked'])
  })
})

describe('while the memory limit is near', () => {
  const send = (bytes: number) => (): void => {
    connection.bytesReceived += bytes
    publish()
  }

  beforeEach(() => memory.pacing.set(true))

  test('a client that publishes much waits, without a word', () => {
    piece(send(200_000))
    expect(connection.events()).toEqual([])
    piece(send(200_000))
    expect(connection.events()).toEqual(['pause'])
  })

  test('one that publishes little, or only consumes, goes on', () => {
    for (let i = 0; i < 100; i++) {
      piece(send(50_000))
      intake.tick()
    }
    connection.bytesReceived += 1_000_000
    piece()
    expect(connection.events()).toEqual([])
  })
})

describe('while the event loop is late', () => {
  beforeEach(() => loadAlarm.set(true))

  test('a client that publishes is told once, and not read from until it is in time again', () => {
    expect(intake.beforeInput()).toBe(true)
    intake.publishHeld()
    intake.afterInput()
    expect(connection.events()).toEqual(['send connection.blocked low on cpu', 'pause'])
    piece(publish)
    loadAlarm.set(false)
    intake.unblock('cpu')
    expect(connection.events()).toEqual(['resume', 'send connection.unblocked'])
  })

  test('one that does not publish goes on', () => {
    piece()
    expect(connection.events()).toEqual([])
  })

  test('it waits on while memory is short', () => {
    memory.isActive = true
    piece(publish)
    expect(connection.events()).toEqual(['send connection.blocked low on memory', 'pause'])
    loadAlarm.set(false)
    intake.unblock('cpu')
    expect(connection.events()).toEqual([])
    intake.unblock('memory')
    expect(connection.events()).toEqual(['resume', 'send connection.unblocked'])
  })
})

describe('while the store is behind', () => {
  beforeEach(() => storeAlarm.set(true))

  test('a client that gives it more is told and waits', () => {
    piece(publish, storeDurably)
    expect(connection.events()).toEqual(['send connection.blocked low on disk', 'pause'])
    storeAlarm.set(false)
    intake.unblock('disk')
    expect(connection.events()).toEqual(['resume', 'send connection.unblocked'])
  })

  test('one that publishes what is not kept goes on', () => {
    piece(publish)
    expect(connection.events()).toEqual([])
  })
})

describe('when memory is short and the disk fails', () => {
  test.each([
    ['memory', 'disk'],
    ['disk', 'memory'],
  ] as const)('the client is told of %s, and that it may go on once %s is well again, too', (first, second) => {
    const fail = { memory: () => (memory.isActive = true), disk: () => (connection.journal.trouble = 'full') }
    fail[first]()
    piece(publish)
    fail[second]()
    piece(publish)
    expect(connection.events()).toEqual([`send connection.blocked low on ${first}`, 'pause'])
    intake.unblock(first)
    expect(connection.events()).toEqual([])
    intake.unblock(second)
    expect(connection.events()).toEqual(['resume', 'send connection.unblocked'])
  })

  test('other reasons keep it waiting, and it is told that it is blocked no more', () => {
    memory.isActive = true
    piece(publish)
    connection.reading.pause('unread')
    connection.events()
    intake.unblock('memory')
    expect(connection.events()).toEqual(['send connection.unblocked'])
  })
})

describe('what a client makes the broker hold', () => {
  test('is counted for it and for all, and given back', () => {
    memory.heldBytes = 5
    intake.hold(100)
    intake.contentAllocated(200)
    intake.keepUnread(50)
    expect([intake.bytesOfClient, memory.heldBytes]).toEqual([350, 355])
    connection.isInputHeld = true // What is unread waits for the broker then.
    expect(intake.bytesOfClient).toBe(300)
    intake.hold(-100)
    intake.contentAllocated(-200)
    intake.keepUnread(-50)
    expect([intake.bytesOfClient, intake.contentBytes, memory.heldBytes]).toEqual([0, 0, 5])
  })

  test('is limited: bodies on all channels together', () => {
    intake.contentAllocated(64 * MESSAGE_BYTES_MAX)
    const text = 'message bodies in progress take more than 64000 bytes'
    expect(() => intake.contentAllocated(1)).toThrow(expect.objectContaining({ code: 506, text }))
    // What ends is always taken.
    intake.contentAllocated(-1)
  })

  test('takes the time of its turn: a publish to many queues, and memory may be short behind it', () => {
    intake.published(500)
    expect([spent, memory.checks]).toEqual([500, 1])
    expect(connection.events()).toEqual([])
    memory.isActive = true
    intake.published(500)
    expect(connection.events()).toEqual(['hold'])
  })
})

test('a method of several turns holds what comes behind it, whatever else ends meanwhile', () => {
  intake.beginLongWork()
  expect(connection.events()).toEqual(['pause', 'hold'])
  intake.unblock('memory')
  intake.unblock('disk')
  expect(connection.events()).toEqual([])
  intake.endLongWork()
  expect(connection.events()).toEqual(['resume'])
})
