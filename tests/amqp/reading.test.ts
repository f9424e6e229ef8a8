import { beforeEach, describe, expect, test } from 'vitest'
import { Reading } from '../../src/amqp/reading.ts'

let calls: string[]
let reading: Reading

beforeEach(() => {
  calls = []
  reading = new Reading({ pause: () => void calls.push('pause'), resume: () => void calls.push('resume') })
})

describe('Reading', () => {
  test('stops for the first reason and goes on after the last', () => {
    reading.pause('unread')
    reading.pause('memory')
    expect([reading.isPausedFor('unread'), reading.isPausedFor('ended')]).toEqual([true, false])
    reading.resume('unread')
    expect(calls).toEqual(['pause'])
    reading.resume('memory')
    expect(calls).toEqual(['pause', 'resume'])
  })

  test('counts a reason once, and is not resumed by one that was not there', () => {
    reading.pause('memory')
    reading.pause('memory')
    reading.resume('unread')
    expect(calls).toEqual(['pause'])
    reading.resume('memory')
    reading.resume('memory')
    expect(calls).toEqual(['pause', 'resume'])
  })

  test('goes on whatever the reasons are when all of them are dropped', () => {
    reading.resumeAll()
    reading.pause('unread')
    reading.pause('authentication')
    reading.resumeAll()
    expect(calls).toEqual(['pause', 'resume'])
  })

  test('knows whether the client could end it by reading more', () => {
    expect([reading.isPaused, reading.isStoppedByUs]).toEqual([false, false])
    reading.pause('unread')
    expect([reading.isPaused, reading.isStoppedByUs]).toEqual([true, false])
    reading.pause('memory')
    expect([reading.isPaused, reading.isStoppedByUs]).toEqual([true, true])
  })
})
