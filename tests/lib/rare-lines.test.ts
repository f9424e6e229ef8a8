import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RareLines } from '../../src/lib/rare-lines.ts'

function opened() {
  const lines: unknown[] = []
  const log = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message])
  const rare = new RareLines({ debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') })
  return { lines, rare }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('the first line of a kind is written at once, those that follow soon are counted', () => {
  const { lines, rare } = opened()
  for (let peer = 1; peer <= 4; peer++) rare.log('warn', { peer }, 'refused')
  rare.log('info', {}, 'another kind')
  expect(lines).toEqual([
    ['warn', { peer: 1 }, 'refused'],
    ['info', {}, 'another kind'],
  ])
  vi.advanceTimersByTime(10_000)
  expect(lines.slice(2)).toEqual([['warn', { peer: 4, times: 3 }, 'refused']])
})

test('while they go on, one line tells of each period; afterwards all is as in the beginning', () => {
  const { lines, rare } = opened()
  rare.log('error', {}, 'failed')
  for (let period = 0; period < 3; period++) {
    rare.log('error', {}, 'failed')
    rare.log('error', {}, 'failed')
    vi.advanceTimersByTime(10_000)
  }
  expect(lines).toEqual([['error', {}, 'failed'], ...Array(3).fill(['error', { times: 2 }, 'failed'])])
  vi.advanceTimersByTime(10_000)
  expect(vi.getTimerCount()).toBe(0)
  rare.log('error', {}, 'failed')
  expect(lines).toHaveLength(5)
})

test('what was counted is said at the end', () => {
  const { lines, rare } = opened()
  rare.log('warn', {}, 'refused')
  rare.log('warn', {}, 'refused')
  rare.close()
  expect(lines).toEqual([
    ['warn', {}, 'refused'],
    ['warn', { times: 1 }, 'refused'],
  ])
  expect(vi.getTimerCount()).toBe(0)
})
