import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearest } from '../../src/lib/nearest.ts'

test('the nearest name is the one with the fewest typing mistakes', () => {
  expect(nearest('frame_mx', ['heartbeat', 'frame_max', 'channel_max'])).toBe('frame_max')
  expect(nearest('chanel-max', ['frame-max', 'channel-max'])).toBe('channel-max')
})

test('nothing is near a name that is not alike', () => {
  expect(nearest('disk_free_limit', ['heartbeat', 'frame_max'])).toBeUndefined()
  expect(nearest('x', [])).toBeUndefined()
})

test('a name that is cut off is alike, unless it is very short', () => {
  expect(nearest('frameMax', ['frameMaxBytes', 'channelMax'])).toBe('frameMaxBytes')
  expect(nearest('no', ['noAcknowledgement'])).toBeUndefined()
})

test('neighbours that changed places are one mistake', () => {
  expect([editDistance('prot', 'port'), editDistance('ca', 'ac'), editDistance('abdc', 'abcd')]).toEqual([1, 1, 1])
  expect(nearest('prot', ['port', 'bind'])).toBe('port')
})

test('the distance counts insertions, deletions and replacements', () => {
  expect([editDistance('kitten', 'sitting'), editDistance('', 'abc'), editDistance('abc', 'abc')]).toEqual([3, 3, 0])
})

test('the distance is the same in both directions and at most the longer length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (one, other) => {
      const distance = editDistance(one, other)
      expect(editDistance(other, one)).toBe(distance)
      expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length))
    }),
  )
})
