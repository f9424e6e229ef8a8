import { expect, test } from 'vitest'
import { EntityPacker } from '../../../../storage/level/recovery/packed-entities.ts'

test('every entity has its own key and value, whatever was packed before and behind it', () => {
  const packer = new EntityPacker()
  const texts = Array.from({ length: 5000 }, (_, at) => `é${'x'.repeat(at % 200)} ${at}`)
  // One that is longer than all that lie side by side.
  texts.push('long'.repeat(200_000), '')
  const entities = texts.map((text, at) => packer.pack(at % 5, Buffer.from(text), Buffer.from(`value of ${text}`)))
  for (const [at, { kind, key, value }] of entities.entries()) {
    expect([kind, key, value.toString()]).toEqual([at % 5, texts[at], `value of ${texts[at]}`])
  }
})

test('what it was packed from may change', () => {
  const [key, value] = [Buffer.from('key'), Buffer.from('value')]
  const entity = new EntityPacker().pack(3, key, value)
  key.fill(0)
  value.fill(0)
  expect([entity.key, Buffer.from(entity.value).toString()]).toEqual(['key', 'value'])
})
