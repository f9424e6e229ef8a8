// Messages for the storages under test, and the simplest thing that does what a queue log does.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { QueueLog } from '../../storage/queue-log.ts'
import type { RecordSource } from '../../storage/record.ts'
import { deliveriesBefore, type Segment } from '../../storage/segment.ts'
import type { Storage } from '../../storage/storage.ts'
import { numbered, source, stored } from './sources.ts'

/** A message that is to be kept. */
export function durable(number: number, bodyBytes = 20): RecordSource {
  return { ...source(numbered(number, bodyBytes)), isDurable: true }
}

export function transient(number: number, bodyBytes = 20): RecordSource {
  return source(numbered(number, bodyBytes))
}

export const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

/** Makes a folder of what another process would find if the one that has it was killed now. */
export type CopyAsKilled = (from: string, to: string) => void

/** The folder that a process leaves which is killed behind a commit, or ends where no copy can be made. The storage is closed. */
export async function leftByKill(
  storage: Storage,
  folder: string,
  copyAsKilled: CopyAsKilled | undefined,
): Promise<string> {
  await committed(storage)
  if (copyAsKilled === undefined) {
    await storage.close()
    return folder
  }
  const left = mkdtempSync(join(tmpdir(), 'leveret-contract-'))
  copyAsKilled(folder, left)
  await storage.close()
  rmSync(folder, { recursive: true })
  return left
}

export function committed({ journal }: Storage): Promise<void> {
  return new Promise((resolve) => journal.whenDurable(resolve))
}

export interface TakenMessage {
  readonly number: number
  readonly isRedelivered: boolean
  /** How often it was delivered before. */
  readonly deliveries: number
  readonly segment: Segment
  readonly index: number
}

/** Waits until the next ready message can be taken. What is damaged is left out: there may be none then. */
export async function readable(log: QueueLog): Promise<void> {
  for (let isReadable = false; !isReadable && log.readyCount > 0; ) {
    await new Promise<void>((resolve) => {
      isReadable = log.isReadable(resolve)
      if (isReadable) resolve()
    })
  }
}

/** Takes the next ready message, whose parts must all say the same number. */
export async function takeOne(log: QueueLog): Promise<TakenMessage> {
  await readable(log)
  return takeNow(log)
}

/** The first ones that are ready, so many. */
export async function takeMany(log: QueueLog, count: number): Promise<TakenMessage[]> {
  const taken: TakenMessage[] = []
  while (taken.length < count) taken.push(await takeOne(log))
  return taken
}

/** Takes a message that is in memory. */
export function takeNow(log: QueueLog): TakenMessage {
  log.take()
  const { segment, index, isRedelivered } = log
  if (segment === undefined) throw new Error('took nothing')
  const parts = stored(segment, index)
  const number = Number(parts.key.toString().slice(1))
  const wanted = numbered(number, parts.body.length)
  if (!parts.header.equals(wanted.header) || !parts.body.equals(wanted.body)) {
    throw new Error(`message ${number} is not what was appended`)
  }
  return { number, isRedelivered, deliveries: deliveriesBefore(segment, index), segment, index }
}

/** Takes and settles everything that is ready. */
export async function drain(log: QueueLog): Promise<number[]> {
  const numbers: number[] = []
  for (await readable(log); log.readyCount > 0; await readable(log)) {
    const { number, segment, index } = takeNow(log)
    numbers.push(number)
    log.settle(segment, index)
  }
  return numbers
}

type Event =
  | { readonly kind: 'append'; readonly count: number; readonly bytes: number; readonly isDurable: boolean }
  | { readonly kind: 'take' | 'drop' | 'settle' | 'requeue'; readonly count: number; readonly place: number }
  | { readonly kind: 'purge' }
  | { readonly kind: 'commit' }
  | { readonly kind: 'reopen'; readonly isKilled: boolean }

export const EVENT: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 40 }),
      bytes: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constant(40_000)),
      isDurable: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('take' as const, 'drop' as const, 'settle' as const, 'requeue' as const),
      count: fc.integer({ min: 1, max: 30 }),
      place: fc.nat(1000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('commit' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('reopen' as const), isKilled: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge' as const) }) },
)

interface Expected {
  readonly number: number
  readonly bytes: number
  readonly isDurable: boolean
  wasTaken: boolean
  /** How often it came back. */
  deliveries: number
  /** Where it is, if it was not there before the storage was opened. */
  readonly position: { readonly segment: Segment; readonly index: number } | undefined
}

function bytesOf(messages: readonly Expected[]): number {
  return messages.reduce((sum, { bytes }) => sum + bytes, 0)
}

type Taken = Expected & { readonly segment: Segment; readonly index: number }

/** One queue beside the simplest thing that does the same: a list of numbers. */
export class Pair {
  #log: QueueLog
  readonly #id: number
  #ready: Expected[] = []
  #taken: Taken[] = []
  #count = 0

  constructor(id: number, storage: Storage) {
    this.#id = id
    this.#log = storage.vhost('/').createQueueLog(id)
  }

  async carryOut(event: Exclude<Event, { kind: 'reopen' }>, storage: Storage): Promise<void> {
    switch (event.kind) {
      case 'append':
        for (let left = event.count; left > 0; left--) this.#append(event.isDurable, event.bytes)
        break
      case 'commit':
        await committed(storage)
        break
      case 'purge':
        expect(this.#log.purge()).toBe(this.#ready.length)
        this.#ready = []
        break
      default:
        for (let left = event.count; left > 0; left--) await this.#step(event.kind, event.place)
    }
    this.#expectBytes()
  }

  /** The queue as it is when the storage was opened again. */
  reopened(storage: Storage): void {
    this.#log = storage.vhost('/').createQueueLog(this.#id)
    storage.dropUnclaimed()
    // That they came back is counted once for those of which nothing was known.
    for (const one of this.#taken) one.deliveries = Math.max(1, one.deliveries)
    const all = [...this.#taken, ...this.#ready].filter(({ isDurable }) => isDurable)
    this.#ready = all.map(({ number, bytes, isDurable, wasTaken, deliveries }) => ({
      number,
      bytes,
      isDurable,
      wasTaken,
      deliveries,
      position: undefined,
    }))
    this.#ready.sort((a, b) => a.number - b.number)
    this.#taken = []
    expect(this.#log.readyCount).toBe(this.#ready.length)
    this.#expectBytes()
  }

  #expectBytes(): void {
    expect([this.#log.readyBytes, this.#log.unackedBytes]).toEqual([bytesOf(this.#ready), bytesOf(this.#taken)])
  }

  async expectSame(): Promise<void> {
    while (this.#ready.length > 0) await this.#step('take', 0)
    expect(this.#log.readyCount).toBe(0)
    while (this.#taken.length > 0) await this.#step('settle', 0)
  }

  #append(isDurable: boolean, bytes: number): void {
    const number = this.#count++
    this.#log.append(isDurable ? durable(number, bytes) : transient(number, bytes))
    const { tail: segment } = this.#log
    const position = segment && { segment, index: segment.count - 1 }
    this.#ready.push({ number, bytes, isDurable, wasTaken: false, deliveries: 0, position })
  }

  /** Drops one from anywhere. */
  async #drop(place: number): Promise<void> {
    const known = this.#ready.filter(({ position }) => position !== undefined)
    const one = known[place % Math.max(1, known.length)]
    if (one?.position === undefined) return
    const { segment, index } = one.position
    await new Promise<void>((resolve) => this.#log.load(segment, resolve))
    expect(this.#log.takeAt(segment, index)).toBe(true)
    this.#log.settle(segment, index)
    this.#ready.splice(this.#ready.indexOf(one), 1)
  }

  async #step(kind: 'take' | 'drop' | 'settle' | 'requeue', place: number): Promise<void> {
    if (kind === 'drop') {
      await this.#drop(place)
      return
    }
    if (kind === 'take') {
      const wanted = this.#ready.shift()
      if (wanted === undefined) return
      const { number, isRedelivered, deliveries, segment, index } = await takeOne(this.#log)
      expect({ number, isRedelivered, deliveries }).toEqual({
        number: wanted.number,
        isRedelivered: wanted.wasTaken,
        deliveries: wanted.deliveries,
      })
      this.#taken.push({ ...wanted, wasTaken: true, segment, index })
      return
    }
    const [one] = this.#taken.splice(place % Math.max(1, this.#taken.length), 1)
    if (one === undefined) return
    this.#log[kind](one.segment, one.index)
    if (kind === 'settle') return
    one.deliveries++
    this.#ready.push(one)
    this.#ready.sort((a, b) => a.number - b.number)
  }
}
