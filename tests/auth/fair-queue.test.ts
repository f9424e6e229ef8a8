import { expect, test } from 'vitest'
import { FairQueue } from '../../src/auth/fair-queue.ts'

/** Work that a test ends by hand. */
function works() {
  const ends: (() => void)[] = []
  const started: string[] = []
  const work = (name: string) => async (): Promise<string> => {
    started.push(name)
    await new Promise<void>((resolve) => ends.push(resolve))
    return name
  }
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
  const endOne = async (): Promise<void> => {
    ends.shift()?.()
    await turn()
  }
  return { work, started, endOne }
}

test('a few are under way at a time, and the keys take turns', async () => {
  const queue = new FairQueue({ atOnce: 1, waitingMax: 10, waitingPerKeyMax: 10 })
  const { work, started, endOne } = works()
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) void queue.run(name.charAt(0), work(name))
  for (let i = 0; i < 6; i++) await endOne()
  expect(started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2'])
})

test('what waits is bounded, in all and for each key', async () => {
  const queue = new FairQueue({ atOnce: 1, waitingMax: 3, waitingPerKeyMax: 2 })
  const { work, endOne } = works()
  expect(queue.run('a', work('a1'))).toBeDefined()
  expect(queue.run('a', work('a2'))).toBeDefined()
  expect(queue.run('a', work('a3'))).toBeDefined()
  expect(queue.run('a', work('a4'))).toBeUndefined()
  expect(queue.run('b', work('b1'))).toBeDefined()
  expect(queue.run('c', work('c1'))).toBeUndefined()
  await endOne()
  expect(queue.run('c', work('c2'))).toBeDefined()
})

test('work that fails makes room like any other', async () => {
  const queue = new FairQueue({ atOnce: 1, waitingMax: 1, waitingPerKeyMax: 1 })
  const failing = queue.run('a', () => Promise.reject(new Error('broken')))
  const next = queue.run('a', async () => 'done')
  await expect(failing).rejects.toThrow('broken')
  expect(await next).toBe('done')
})
