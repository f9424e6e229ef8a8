import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Sample, takeSample, usedBytes } from './samples.ts'
import { SlowQueueModel } from './slow-queue.ts'
import { verdict } from './verdict.ts'

const MEBIBYTE = 1024 * 1024
const LIMITS = { diskConstantBytes: 150 * MEBIBYTE, residentBytesMax: 500 * MEBIBYTE }

/** Ten minutes with a restart in each, every five seconds. */
function samples(change: (at: Sample, placeInLife: number) => Partial<Sample> = () => ({})): Sample[] {
  return Array.from({ length: 120 }, (_, place) => {
    const sample: Sample = {
      atSec: 5 * place,
      life: 1 + Math.floor(place / 12),
      residentBytes: (150 + (place % 4) * 10) * MEBIBYTE,
      diskBytes: (100 + (place % 5) * 20) * MEBIBYTE,
      liveBytes: (place % 5) * 20 * MEBIBYTE,
      openFiles: 40 + (place % 5),
    }
    return { ...sample, ...change(sample, place % 12) }
  })
}

function failures(of: readonly Sample[]): string[] {
  return verdict(of, LIMITS).flatMap(({ text, isGood }) => (isGood ? [] : [text]))
}

describe('the verdict', () => {
  test('is good when everything goes up and down and stays where it was', () => {
    expect(failures(samples())).toEqual([])
  })

  test('has nothing to say without enough samples', () => {
    expect(failures(samples().slice(0, 9))).toEqual(['9 samples are too few to say anything'])
  })

  test('sees a disk that takes too much for what lives', () => {
    expect(failures(samples(({ diskBytes }) => ({ diskBytes: diskBytes + 100 * MEBIBYTE })))).toEqual([
      expect.stringContaining('disk beyond twice the live bytes'),
    ])
  })

  test('sees a disk that grows, however little lives', () => {
    const growing = samples(({ atSec, diskBytes }) => ({ diskBytes: diskBytes + atSec * 0.2 * MEBIBYTE }))
    expect(failures(growing).join()).toContain('disk beyond live bytes, least: 140 MiB, then 180 MiB')
  })

  test('sees memory that grows from life to life', () => {
    const growing = samples(({ life, residentBytes }) => ({ residentBytes: residentBytes + life * 32 * MEBIBYTE }))
    expect(failures(growing).join()).toContain('resident memory, median')
  })

  test('sees memory that grows in the course of every life, although a restart makes good for it', () => {
    const leaking = samples(({ residentBytes }, place) => ({ residentBytes: residentBytes + place * 25 * MEBIBYTE }))
    expect(failures(leaking)).toEqual([expect.stringContaining('resident memory in the course of a life')])
  })

  test('sees memory beyond its bound, and files that are not closed', () => {
    expect(failures(samples(() => ({ residentBytes: 600 * MEBIBYTE })))).toEqual([
      'resident memory, most: 600 MiB of 500 MiB allowed',
    ])
    expect(failures(samples(({ atSec }) => ({ openFiles: 40 + (atSec / 5) * 2 })))).toEqual([
      'open files, most: 198, then 278',
    ])
  })
})

test('a sample is of a process and its folder, and there is none of a process that is gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-samples-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'log'))
  const before = usedBytes(folder)
  writeFileSync(join(folder, 'log', '1'), Buffer.alloc(MEBIBYTE, 'x'))
  expect(usedBytes(folder) - before).toBeGreaterThanOrEqual(MEBIBYTE)
  const rest = { atSec: 1, life: 1, liveBytes: 1 }
  if (process.platform === 'linux') expect(takeSample(process.pid, folder, rest)?.openFiles).toBeGreaterThan(2)
  expect(takeSample(2 ** 30, folder, rest)).toBeUndefined()
})

describe('the model of the slow queue', () => {
  function crashed(): SlowQueueModel {
    const slow = new SlowQueueModel(MEBIBYTE)
    for (let count = 100; count > 0; count--) slow.published()
    slow.confirmedTo = 80
    slow.acked(40)
    slow.ackKeptTo = 20
    return slow
  }

  test.each([
    ['all acks and all publishes happened', 41, 60],
    ['only what was promised happened', 21, 60],
  ])('takes what may be: %s', (_, first, count) => {
    const slow = crashed()
    expect(slow.recovered(first, count)).toEqual([])
    expect([slow.ackedTo, slow.publishedTo]).toEqual([first - 1, first + count - 1])
  })

  test.each([
    ['a settled message is back', 20, 81],
    ['the first message is missing', 42, 59],
    ['a confirmed message is missing', 41, 39],
    ['there are more than were published', 41, 61],
    ['everything is gone', undefined, 0],
  ])('complains when %s', (_, first, count) => {
    expect(crashed().recovered(first, count)).toHaveLength(1)
  })

  test('an empty queue is as it should be when all was acked', () => {
    const slow = crashed()
    slow.confirmedTo = 100
    slow.acked(100)
    expect(slow.recovered(undefined, 0)).toEqual([])
    expect(slow.liveBytes).toBe(0)
  })
})
