import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeldAnswers } from '../../src/amqp/held-answers.ts'
import type { Output } from '../../src/amqp/outbox.ts'
import { allocateBlock, Block } from '../../src/lib/block.ts'

/** Commits as a journal makes them: what is staged while one is on its way goes into the next. */
class Commits {
  commitsBegun = 0
  #staged: (() => void)[] = []
  #inFlight: (() => void)[] = []
  waiters = 0

  whenDurable(callback: () => void): void {
    this.waiters++
    this.#staged.push(callback)
  }

  start(): void {
    if (this.#inFlight.length > 0) return
    this.#inFlight = this.#staged
    this.#staged = []
    this.commitsBegun++
  }

  end(): void {
    const callbacks = this.#inFlight
    this.#inFlight = []
    for (const callback of callbacks) callback()
  }

  finish(): void {
    for (let i = 0; i < 2; i++) {
      this.end()
      this.start()
    }
    this.end()
  }
}

/** Keeps what is written, piece by piece. */
class Written implements Output {
  readonly block = allocateBlock(1024 * 1024)
  length = 0
  readonly isBlocked = false
  readonly pieces: string[] = []

  reserve(): never {
    throw new Error('pieces come whole')
  }

  write(bytes: Uint8Array): void {
    this.pieces.push(Buffer.from(bytes).toString())
  }

  writeReference(bytes: Uint8Array): void {
    this.write(bytes)
  }

  get text(): string {
    return this.pieces.join('')
  }
}

class Room {
  readonly journal = new Commits()
  stagedBytes = 0
  readonly output = new Written()
  readonly released: number[][] = []
  readonly answers = new HeldAnswers(this, this, this.output, (ids) => this.released.push([...ids]))

  hold(channelId: number, text: string): void {
    this.answers.hold(channelId)
    this.write(channelId, text)
  }

  /** Carries out a method that changes so many bytes. */
  change(bytes: number): void {
    this.answers.carryOut(() => {
      this.stagedBytes += bytes
    })
  }

  write(channelId: number, text: string): void {
    const output = this.answers.behind(channelId) ?? this.output
    output.write(Buffer.from(text))
  }
}

test('what waits for the same commit has one place in it and leaves together', () => {
  const room = new Room()
  const count = 20_000
  for (let number = 0; number < count; number++) room.hold(1 + (number % 2000), `${number};`)
  expect(room.journal.waiters).toBe(1)
  room.journal.start()
  expect(room.output.text).toBe('')
  const startedAtMs = performance.now()
  room.journal.end()
  expect(performance.now() - startedAtMs).toBeLessThan(200)
  // Channel by channel, not answer by answer.
  expect(room.output.pieces).toHaveLength(2000)
  expect(room.output.pieces[7]).toBe(Array.from({ length: 10 }, (_, round) => `${7 + round * 2000};`).join(''))
  expect(room.released.map((ids) => ids.length)).toEqual([2000])
  expect(room.answers.isEmpty).toBe(true)
})

test('changes count until they are durable, whether they are answered or not', () => {
  const room = new Room()
  room.change(0)
  expect([room.journal.waiters, room.answers.hasStaged]).toEqual([0, false])
  room.change(600_000)
  expect([room.answers.isFull, room.answers.hasStaged]).toEqual([false, true])
  room.journal.start()
  room.change(600_000)
  expect(room.answers.isFull).toBe(true)
  room.journal.end()
  expect(room.answers.isFull).toBe(false)
  room.stagedBytes += 2_000_000
  expect(room.answers.isFull).toBe(false)
  room.journal.start()
  room.journal.end()
  expect(room.released).toEqual([[], []])
})

test('large pieces leave without being copied', () => {
  const room = new Room()
  const body = Buffer.alloc(100_000, 'x')
  room.hold(1, 'a')
  room.answers.behind(1)?.writeReference(body, new Block(body))
  room.write(1, 'b')
  expect(room.answers.frameBytes).toBe(100_002)
  room.journal.start()
  room.journal.end()
  expect(room.output.pieces.map(({ length }) => length)).toEqual([1, 100_000, 1])
  expect(room.answers.frameBytes).toBe(0)
})

test('deliveries wait as long as something waits that must come before them', () => {
  const room = new Room()
  const { answers, journal } = room
  expect(answers.keepBeforeDeliveries(1)).toBe(false)
  room.hold(1, 'a')
  expect(answers.areBeforeDeliveries(1)).toBe(false)
  expect(answers.keepBeforeDeliveries(1)).toBe(true)
  expect(answers.keepBeforeDeliveries(1)).toBe(true)
  journal.start()
  room.hold(1, 'b')
  expect(answers.keepBeforeDeliveries(1)).toBe(true)
  journal.end()
  expect(answers.areBeforeDeliveries(1)).toBe(true)
  room.hold(2, 'c')
  journal.start()
  room.hold(1, 'd')
  journal.end()
  expect([1, 2].map((id) => answers.areBeforeDeliveries(id))).toEqual([false, false])
})

test('nothing waits for a journal that has it all', () => {
  const room = new Room()
  room.journal.whenDurable = (callback) => callback()
  room.hold(1, 'a')
  room.change(2_000_000)
  expect([room.output.text, room.answers.isEmpty, room.answers.isFull]).toEqual(['a', true, false])
})

test('no answer leaves after the end', () => {
  const room = new Room()
  room.hold(1, 'a')
  room.change(2_000_000)
  room.answers.clear()
  expect([room.answers.isEmpty, room.answers.isFull, room.answers.frameBytes]).toEqual([true, false, 0])
  room.journal.finish()
  expect([room.output.text, room.released]).toEqual(['', []])
})

test('each channel keeps its order, and nothing leaves before its commit', () => {
  const step = fc.record({
    kind: fc.constantFrom('hold', 'write', 'start', 'end'),
    channelId: fc.integer({ min: 1, max: 3 }),
    size: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 70_000 })),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const room = new Room()
      const { journal } = room
      const said: string[][] = [[], [], [], []]
      /** The commit that each answer waits for. */
      const commits = new Map<string, number>()
      let ended = 0
      const leftOf = (id: number): string[] => room.output.text.match(new RegExp(`<${id}:\\d+x*>`, 'g')) ?? []
      for (const [number, { kind, channelId, size }] of steps.entries()) {
        const text = `<${channelId}:${number}${'x'.repeat(size - 1)}>`
        if (kind === 'start') journal.start()
        else if (kind === 'end') {
          journal.end()
          ended = journal.commitsBegun
        } else {
          if (kind === 'hold') commits.set(text, journal.commitsBegun)
          said[channelId]?.push(text)
          if (kind === 'hold') room.hold(channelId, text)
          else room.write(channelId, text)
        }
        for (const id of [1, 2, 3]) {
          const left = leftOf(id)
          expect(left).toEqual(said[id]?.slice(0, left.length))
          for (const answer of left) expect(commits.get(answer) ?? -1).toBeLessThan(ended)
        }
      }
      journal.finish()
      for (const id of [1, 2, 3]) expect(leftOf(id)).toEqual(said[id])
      expect([room.answers.frameBytes, room.answers.isEmpty]).toEqual([0, true])
    }),
    { numRuns: 200 },
  )
})
