import { expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { EntityStorage } from '../storage/entity-storage.ts'
import { HandClock } from '../support/hand-clock.ts'
import { brokerOn } from './model.ts'

const HOUR = 3_600_000
const TODAY = 1_800_000_000_000

let storage: EntityStorage

function start(wallMs: number): { broker: Broker; system: HandClock; now: () => number } {
  const system = new HandClock()
  system.wallBeginMs = wallMs
  const broker = brokerOn(storage, { clock: system })
  broker.restore(storage.recovery)
  const { ages } = broker.createVhost('/')
  return { broker, system, now: () => ages.monotonicMs() }
}

test.each([-HOUR, HOUR])(
  'a jump of the system’s clock by %i ms right before a restart is none of the time that passes',
  (jumpMs) => {
    storage = new EntityStorage()
    const before = start(TODAY)
    before.system.turn(100)
    expect(before.now()).toBe(TODAY + 100)
    before.system.wallBeginMs += jumpMs
    before.broker.finish()
    before.broker.close()
    expect(before.system.timers.size).toBe(0)
    expect(start(TODAY + jumpMs + 150).now()).toBe(TODAY + 150)
  },
)

test('a clock that was not asked for the time, and one that is known already, are not saved at a stop', () => {
  storage = new EntityStorage()
  start(TODAY).broker.finish()
  expect(storage.staged.filter((staged) => staged.includes('ages'))).toEqual([])
  for (const dayMs of [0, 1000]) {
    const { broker, now } = start(TODAY + dayMs)
    now()
    broker.finish()
    broker.finish()
  }
  expect(storage.staged.filter((staged) => staged.includes('ages')).length).toBe(1)
})
