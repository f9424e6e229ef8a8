import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type EntityChange, entityId } from '../../../../storage/level/log/entity-change.ts'
import { PackedEntities } from '../../../../storage/level/recovery/packed-entities.ts'

function told(entities: PackedEntities): (readonly [kind: number, key: string, value: string])[] {
  return Array.from(entities, ({ kind, key, value }) => [kind, key, value.toString()] as const)
}

test('every entity has its own key and value, whatever is in front of it and behind it', () => {
  const entities = new PackedEntities()
  const texts = Array.from({ length: 5000 }, (_, at) => `é${'x'.repeat(at % 200)} ${at}`)
  // One that is longer than all that lie side by side.
  texts.push('long'.repeat(200_000), '')
  for (const [at, text] of texts.entries()) entities.add(at % 5, Buffer.from(text), Buffer.from(`value of ${text}`))
  expect(entities.count).toBe(texts.length)
  expect(told(entities)).toEqual(texts.map((text, at) => [at % 5, text, `value of ${text}`]))
})

test('what an entity was made from may change', () => {
  const [key, value] = [Buffer.from('["key"]'), Buffer.from('value')]
  const entities = new PackedEntities()
  entities.add(3, key, value)
  key.fill(0)
  value.fill(0)
  expect(told(entities)).toEqual([[3, '["key"]', 'value']])
  expect(Array.from(entities, ({ keyParts }) => keyParts)).toEqual([['key']])
})

test('what the log tells of entities counts', () => {
  const kinds = fc.integer({ min: 0, max: 2 })
  const keys = fc.constantFrom('a', 'b', 'c', 'd')
  const catalogued = fc.uniqueArray(fc.tuple(kinds, keys), { selector: String })
  const changes = fc.array(fc.tuple(kinds, keys, fc.option(fc.constantFrom('new', 'newer'), { nil: undefined })))
  fc.assert(
    fc.property(catalogued, changes, (before, later) => {
      const entities = new PackedEntities()
      const expected = new Map<string, readonly unknown[]>()
      const changed = new Map<string, EntityChange>()
      for (const [kind, key] of before) {
        entities.add(kind, Buffer.from(key), Buffer.from('old'))
        expected.set(`${kind} ${key}`, [kind, key, 'old'])
      }
      for (const [kind, key, value] of later) {
        const bytes = Buffer.from(key)
        changed.set(entityId(kind, bytes), {
          kind,
          key: bytes,
          value: value === undefined ? undefined : Buffer.from(value),
        })
        expected.delete(`${kind} ${key}`)
        if (value !== undefined) expected.set(`${kind} ${key}`, [kind, key, value])
      }
      entities.apply(changed)
      expect(told(entities).sort()).toEqual([...expected.values()].sort())
    }),
  )
})
