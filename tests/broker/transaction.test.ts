import { beforeEach, describe, expect, test } from 'vitest'
import { Transaction } from '../../src/broker/publishing/transaction.ts'

let transaction: Transaction
let done: string[]

beforeEach(() => {
  transaction = new Transaction()
  done = []
})

function add(name: string, details: { units?: number; isDurable?: boolean } = {}): void {
  transaction.add({
    kind: 'publish',
    ...details,
    commit: () => {
      done.push(name)
      return undefined
    },
    rollback: () => done.push(`-${name}`),
  })
}

describe('Transaction', () => {
  test('carries out what was added, in order, once, and is usable again', () => {
    for (const name of ['a', 'b']) add(name)
    transaction.commit()
    transaction.commit()
    add('c')
    transaction.commit()
    expect(done).toEqual(['a', 'b', 'c'])
    expect(transaction.pendingCount).toBe(0)
  })

  test('gives up what was added, the latest first', () => {
    for (const name of ['a', 'b']) add(name)
    transaction.rollback()
    transaction.commit()
    expect(done).toEqual(['-b', '-a'])
  })

  test('carries out some at a time, by what they take', () => {
    add('a', { units: 3 })
    add('b', { units: 3 })
    add('c')
    expect(transaction.units).toBe(7)
    expect([transaction.isCommitting, transaction.commitSome(4)]).toEqual([false, false])
    expect(done).toEqual(['a', 'b'])
    expect([transaction.isCommitting, transaction.commitSome(4)]).toEqual([true, true])
    expect(done).toEqual(['a', 'b', 'c'])
    expect([transaction.isCommitting, transaction.units]).toEqual([false, 0])
  })

  test('gives up some at a time', () => {
    for (const name of ['a', 'b', 'c']) add(name)
    expect(transaction.rollbackSome(2)).toBe(false)
    expect(transaction.rollbackSome(2)).toBe(true)
    expect(done).toEqual(['-c', '-b', '-a'])
  })

  test('knows whether something in it is to survive a restart', () => {
    add('a')
    expect(transaction.isDurable).toBe(false)
    add('b', { isDurable: true })
    expect(transaction.isDurable).toBe(true)
    transaction.rollback()
    expect(transaction.isDurable).toBe(false)
  })

  test('gives up what is left when one of its operations fails', () => {
    add('a')
    transaction.add({
      kind: 'ack',
      commit: () => {
        throw new Error('broken inside')
      },
      rollback: () => expect.fail('it has begun already'),
    })
    add('c')
    expect(() => transaction.commit()).toThrow('broken inside')
    expect(transaction.isCommitting).toBe(false)
    transaction.rollback()
    expect(done).toEqual(['a', '-c'])
  })
})
