import { beforeEach, describe, expect, test } from 'vitest'
import { UnackedAccounts, type UnackedBytes } from '../../../src/broker/clients/unacked-bytes.ts'

const limits = { ofConnections: Number.POSITIVE_INFINITY, ofNode: Number.POSITIVE_INFINITY }
let ofUser: Record<string, number>
let accounts: UnackedAccounts
let due: (() => void)[]

beforeEach(() => {
  ofUser = {}
  due = []
  const all = { ...limits, ofUser: (user: string) => ofUser[user], ofVhost: () => undefined }
  accounts = new UnackedAccounts(all, (work) => due.push(work))
})

/** A connection that holds so many bytes when it begins to count. */
class Holder {
  times = 0
  readonly unacked: UnackedBytes
  #bytes: number
  readonly #user: string

  constructor(user: string, bytes = 0) {
    this.#user = user
    this.#bytes = bytes
    this.unacked = accounts.enter(this, user, '/')
    if (this.unacked.hasLimit) this.countUnacked()
  }

  countUnacked(): void {
    if (this.times++ > 0) return
    this.unacked.add(this.#bytes)
    this.#bytes = 0
  }

  leave(): void {
    accounts.leave(this, this.#user, '/')
  }
}

function turn(): void {
  const now = due
  due = []
  for (const work of now) work()
}

function limit(user: string, bytes: number): void {
  ofUser[user] = bytes
  accounts.userLimitChanged(user)
}

describe('a limit of a user', () => {
  test('has its connections count, and no others', () => {
    const [one, two, other] = [new Holder('u', 10), new Holder('u', 20), new Holder('v', 40)]
    limit('u', 31)
    expect([one.times, two.times, other.times]).toEqual([1, 1, 0])
    expect(one.unacked.full).toBeUndefined()
    one.unacked.add(1)
    expect([one.unacked.full?.of, two.unacked.full?.of, other.unacked.full]).toEqual(['user', 'user', undefined])
    two.unacked.remove(20)
    expect(one.unacked.full).toBeUndefined()
    expect(new Holder('u').times).toBe(1)
  })

  test('that is taken away, or below zero, is none', () => {
    const one = new Holder('u', 10)
    limit('u', 5)
    expect(one.unacked.full?.limit).toBe(5)
    limit('u', -1)
    expect(one.unacked.full).toBeUndefined()
    limit('u', 0)
    expect(one.unacked.full?.limit).toBe(0)
  })

  test('is forgotten with the last connection of the user, not before', () => {
    const [one, two] = [new Holder('u'), new Holder('u')]
    limit('u', 5)
    one.unacked.add(5)
    one.leave()
    expect(two.unacked.full?.of).toBe('user')
    one.unacked.remove(5)
    expect(two.unacked.full).toBeUndefined()
    two.leave()
    expect(new Holder('u').unacked.bytes).toBe(0)
  })
})

describe('consumers that wait', () => {
  let holder: Holder
  let woken: number[]

  beforeEach(() => {
    limit('u', 10)
    holder = new Holder('u')
    woken = []
    holder.unacked.add(10)
  })

  const consumers = (count: number) => Array.from({ length: count }, (_, i) => ({ wake: () => void woken.push(i) }))

  test('are woken in the next turn in which there is room, those that wait longest first, some at a time', () => {
    const all = consumers(100)
    const full = holder.unacked.full
    expect(all.map((consumer) => full?.wait(consumer)).indexOf(false)).toBe(1)
    turn()
    expect(woken).toEqual([])
    holder.unacked.remove(1)
    expect(woken).toEqual([])
    turn()
    expect(woken.length).toBeLessThan(100)
    expect(woken).toEqual(woken.map((_, i) => i))
    turn()
    expect(woken).toEqual(all.map((_, i) => i))
    expect(due).toEqual([])
  })

  test('are not woken once there is no room again', () => {
    const all = consumers(100)
    for (const consumer of all) holder.unacked.full?.wait(consumer)
    holder.unacked.remove(1)
    turn()
    const { length } = woken
    holder.unacked.add(1)
    turn()
    turn()
    expect(woken.length).toBe(length)
    limit('u', 20)
    turn()
    expect(woken.length).toBe(100)
  })

  test('are forgotten when they end', () => {
    const [first, second] = consumers(2)
    const full = holder.unacked.full
    if (first !== undefined) full?.wait(first)
    if (second !== undefined) full?.wait(second)
    if (first !== undefined) holder.unacked.forget(first)
    holder.unacked.remove(10)
    turn()
    expect(woken).toEqual([1])
  })
})
