import { describe, expect, test } from 'vitest'
import { type EntityKind, EntityRegistry } from '../../storage/entity-registry.ts'
import type { StoredEntity } from '../../storage/storage.ts'
import { EntityStorage } from './entity-storage.ts'

const NOTHING = new Uint8Array()

function kind(number: number, name: string, restore: EntityKind['restore'] = () => {}): EntityKind {
  return { number, name, restore }
}

function stored(number: number, key: string, value: Uint8Array = NOTHING): StoredEntity {
  return { kind: number, key, value }
}

describe('a registry of entities', () => {
  test('restores kinds in the order in which they were registered, whatever their numbers are', () => {
    const registry = new EntityRegistry(new EntityStorage())
    const made: string[] = []
    registry.register(kind(7, 'shelf', ([name]) => void made.push(`shelf ${name}`)))
    registry.register(kind(2, 'book', ([shelf, name], value) => void made.push(`${shelf} ${name} ${value.length}`)))
    const { counts, problems, refused } = registry.restore([
      stored(7, '["b"]'),
      stored(2, '["a","one"]', Buffer.from('xyz')),
      stored(7, '["a"]'),
    ])
    expect(made).toEqual(['shelf b', 'shelf a', 'a one 3'])
    expect([...counts]).toEqual([
      ['shelf', 2],
      ['book', 1],
    ])
    expect([problems, refused]).toEqual([[], []])
  })

  test('leaves out what cannot be made again, reports it and goes on', () => {
    const registry = new EntityRegistry(new EntityStorage())
    const made: string[] = []
    registry.register(
      kind(1, 'shelf', ([name]) => {
        if (name === 'broken') throw new Error('it has no legs')
        made.push(String(name))
      }),
    )
    const broken = [stored(1, '["broken"]'), stored(1, '{"a":1}'), stored(1, '[1]'), stored(1, 'no json')]
    const foreign = stored(9, '["x"]')
    const { counts, problems, refused } = registry.restore([...broken, foreign, stored(1, '["good"]')])
    expect(made).toEqual(['good'])
    expect(counts.get('shelf')).toBe(1)
    expect(refused).toEqual([...broken, foreign])
    expect(problems).toEqual([
      'shelf ["broken"] is left out: it has no legs',
      'shelf {"a":1} is left out: its key makes no sense',
      'shelf [1] is left out: its key makes no sense',
      'shelf no json is left out: its key makes no sense',
      'entity of kind 9 ["x"] is left out: this version does not know its kind',
    ])
  })

  test('stages what is put and removed, and nothing in a storage that keeps nothing', () => {
    const durable = new EntityStorage()
    const records = new EntityRegistry(durable).register(kind(3, 'shelf'))
    records.put(['a', 'b"'], () => Buffer.from('value'))
    records.remove(['a', 'b"'])
    expect(durable.staged).toEqual(['put 3 ["a","b\\""]', 'remove 3 ["a","b\\""]'])

    const forgetful = new EntityStorage(false)
    const forgotten = new EntityRegistry(forgetful).register(kind(3, 'shelf'))
    forgotten.put(['a'], () => expect.fail('the value is not needed'))
    forgotten.remove(['a'])
    expect(forgetful.staged).toEqual([])
  })

  test('does not write what it restores, but what had to be made for it', () => {
    const storage = new EntityStorage()
    const registry = new EntityRegistry(storage)
    const shelves = registry.register(kind(1, 'shelf'))
    const books = registry.register(
      kind(2, 'book', (key) => {
        shelves.put(key.slice(0, 1), () => NOTHING)
        books.put(key, () => NOTHING)
      }),
    )
    registry.restore([stored(2, '["lost","one"]')])
    expect(storage.staged).toEqual(['put 1 ["lost"]'])
    books.put(['lost', 'one'], () => NOTHING)
    expect(storage.staged).toHaveLength(2)
  })

  test('takes no number twice', () => {
    const registry = new EntityRegistry(new EntityStorage())
    registry.register(kind(1, 'shelf'))
    expect(() => registry.register(kind(1, 'book'))).toThrow('two kinds of entities have the number 1')
  })
})
