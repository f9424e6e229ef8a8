import { expect, test } from 'vitest'
import { EntityRegistry } from '../../storage/entity-registry.ts'
import type { Journal } from '../../storage/journal.ts'
import { EntityStorage } from './entity-storage.ts'

/** A registry over a journal whose commits end when the test says so. */
function registryOver(commits: (() => void)[][]): {
  registry: EntityRegistry
  journal: Journal & { commitsBegun: number }
} {
  const storage = new EntityStorage()
  const journal = Object.assign(storage.journal, {
    commitsBegun: 0,
    whenDurable: (callback: () => void) => {
      const waiting = commits[journal.commitsBegun] ?? []
      commits[journal.commitsBegun] = waiting
      waiting.push(callback)
    },
  })
  return { registry: new EntityRegistry(storage), journal }
}

const VALUE = (): Uint8Array => new Uint8Array(100)

test('an entity is staged from its change until the commit of the last one has ended', () => {
  const commits: (() => void)[][] = []
  const { registry, journal } = registryOver(commits)
  const shelves = registry.register({ number: 1, name: 'shelf', restore: () => {} })
  const books = registry.register({ number: 2, name: 'book', restore: () => {} })
  shelves.put(['a'], VALUE)
  shelves.put(['b'], VALUE)
  expect([shelves.isStaged(['a']), shelves.isStaged(['c']), books.isStaged(['a'])]).toEqual([true, false, false])
  journal.commitsBegun = 1
  shelves.remove(['b'])
  for (const callback of commits[0] ?? []) callback()
  expect([shelves.isStaged(['a']), shelves.isStaged(['b'])]).toEqual([false, true])
  for (const callback of commits[1] ?? []) callback()
  expect(shelves.isStaged(['b'])).toBe(false)
  // One callback for each commit, however much is in it.
  expect(commits.map((callbacks) => callbacks.length)).toEqual([1, 1])
})

test('what is staged is counted, and what is restored is not', () => {
  const { registry } = registryOver([])
  const shelves = registry.register({
    number: 1,
    name: 'shelf',
    restore: (key, value) => shelves.put(key, () => value),
  })
  registry.restore([{ kind: 1, key: '["a"]', value: VALUE() }])
  expect([registry.stagedBytes, shelves.isStaged(['a'])]).toEqual([0, false])
  shelves.put(['a'], VALUE)
  const once = registry.stagedBytes
  expect(once).toBeGreaterThan(100)
  shelves.remove(['a'])
  expect(registry.stagedBytes).toBeGreaterThan(once)
})
