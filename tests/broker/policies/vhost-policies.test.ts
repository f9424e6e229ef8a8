import { beforeEach, describe, expect, test, vi } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { Model, message, refusal } from '../model.ts'

let model: Model

beforeEach(() => {
  model = new Model()
})

const maxLength = (value: number, pattern = '') => ({ pattern, definition: { 'max-length': value } })

function set(name: string, request: ReturnType<typeof maxLength>): void {
  model.vhost.policies.set('policy', name, request)
}

const lengths = (queues: readonly Queue[]) => queues.map(({ settings }) => settings.maxLength)

describe('policies apply', () => {
  test('to queues that are declared, and at once to those that are there', () => {
    const before = [model.queue('a1'), model.queue('b1', { arguments: fieldTable({ 'x-max-length': 3 }) })]
    set('p', maxLength(5))
    expect(lengths([...before, model.queue('a2')])).toEqual([5, 3, 5])
    set('p', maxLength(2))
    expect(lengths(before)).toEqual([2, 2])
    model.vhost.policies.set('operator policy', 'o', maxLength(1, '^a'))
    expect(lengths(before)).toEqual([1, 2])
    expect(model.vhost.policies.remove('policy', 'p')).toBe(true)
    expect(model.vhost.policies.remove('policy', 'p')).toBe(false)
    expect(lengths(before)).toEqual([1, 3])
    const told = vi.fn()
    model.vhost.policies.whenApplied(told)
    expect(told).toHaveBeenCalledOnce()
  })

  test('to no queue for which nothing changes', () => {
    const queue = model.queue('a')
    const apply = vi.spyOn(queue, 'applySettings')
    set('p', maxLength(5, '^b'))
    expect(apply).not.toHaveBeenCalled()
    set('q', maxLength(5, '^a'))
    set('r', maxLength(6, '^a')) // the other one comes first
    expect(apply).toHaveBeenCalledOnce()
  })

  test('to no queue for which nothing changes, whatever else there is: neither is its lease renewed', () => {
    const queues = Array.from({ length: 70 }, (_, at) => {
      return model.queue(`q${at}`, { arguments: fieldTable({ 'x-expires': 1000 + at }) })
    })
    queues.push(model.queue('large', { arguments: fieldTable({ 'x-expires': 1000, large: 'x'.repeat(2000) }) }))
    const applied = queues.map((queue) => vi.spyOn(queue, 'applySettings'))
    for (let at = 0; at < 3; at++) {
      model.clock.turn(333)
      set('p', maxLength(at, '^other'))
      model.run()
    }
    for (const apply of applied) expect(apply).not.toHaveBeenCalled()
    model.clock.turn(1)
    expect(queues.filter(({ isDeleted }) => isDeleted).map(({ name }) => name)).toEqual(['q0', 'large'])
  })

  test('to the others, too, when a queue cannot go on by its policies', () => {
    const queues = Array.from({ length: 2000 }, (_, at) => model.queue(`q${at}`))
    const broken = [queues[10], queues[1500], queues[1999]].map((queue) => {
      return vi.spyOn(queue as Queue, 'applySettings').mockImplementation(() => {
        throw new Error('a defect')
      })
    })
    expect(() => set('p', maxLength(5))).toThrow('a defect')
    const told = vi.fn()
    model.vhost.policies.whenApplied(told)
    expect(told).not.toHaveBeenCalled()
    expect(() => model.run()).toThrow('a defect')
    expect(model.defects).toHaveLength(2)
    for (const apply of broken) expect(apply).toHaveBeenCalledOnce()
    expect(told).toHaveBeenCalledOnce()
    expect(lengths(queues).filter((length) => length === 5)).toHaveLength(1997)
  })

  test('turn by turn to very many queues, and to those that are declared meanwhile', () => {
    const queues = Array.from({ length: 5000 }, (_, at) => model.queue(`q${at}`))
    set('p', maxLength(5))
    const done = (): number => lengths(queues).filter((length) => length === 5).length
    const atOnce = done()
    expect(atOnce).toBeGreaterThan(100)
    expect(atOnce).toBeLessThan(1000)
    const told = vi.fn()
    model.vhost.policies.whenApplied(told)
    // A clock that stands still never ends a turn.
    Object.defineProperty(model.clock, 'nowMs', { get: () => performance.now() })
    model.runOne()
    expect(done()).toBeLessThan(5000)
    expect(told).not.toHaveBeenCalled()
    queues.push(model.queue('new'))
    model.vhost.removeQueue(model.vhost.requireQueue('q4999'))
    set('p', maxLength(6))
    model.run()
    expect(told).toHaveBeenCalledOnce()
    expect(lengths(queues).filter((length) => length === 6).length).toBe(5000)
  })

  test('to exchanges: messages find the alternate exchange of a policy', () => {
    const [source, other] = [model.exchange('x', 'direct'), model.exchange('other', 'fanout')]
    const queue = model.queue('q')
    model.bind(other, queue)
    const routed = (exchange: string) =>
      model.vhost.routes.queuesFor(model.vhost.requireExchange(exchange), ['k'], {}).length
    expect(routed('x')).toBe(0)
    const before = model.vhost.routes.version
    model.vhost.policies.set('policy', 'p', { pattern: '', definition: { 'alternate-exchange': 'other' } })
    expect(model.vhost.routes.version).toBeGreaterThan(before)
    expect(routed('x')).toBe(1)
    expect(routed('amq.direct')).toBe(1)
    expect(model.exchange('later', 'direct').alternateExchange).toBe('other')
    // RabbitMQ: what the default exchange cannot route goes nowhere else.
    expect(routed('')).toBe(0)
    expect(source.alternateExchange).toBe('other')
    model.vhost.policies.remove('policy', 'p')
    expect([routed('x'), source.alternateExchange]).toEqual([0, undefined])
  })

  test('behind the arguments of an exchange', () => {
    const source = model.exchange('x', 'direct', { arguments: fieldTable({ 'alternate-exchange': 'mine' }) })
    model.vhost.policies.set('policy', 'p', { pattern: '', definition: { 'alternate-exchange': 'theirs' } })
    expect(source.alternateExchange).toBe('mine')
    model.vhost.policies.remove('policy', 'p')
    expect(source.alternateExchange).toBe('mine')
  })
})

describe('the policies of a virtual host', () => {
  test('have a highest number, and are counted in memory', () => {
    const before = model.topology.bytes
    for (let at = 0; at < 1000; at++) set(`p${at}`, maxLength(5, '^x'))
    expect(model.topology.bytes - before).toBeGreaterThan(1000 * 32_000)
    expect(refusal(() => set('more', maxLength(5)))).toBe(
      "precondition-failed: cannot set policy 'more' in vhost '/': there are 1000 already",
    )
    set('p0', maxLength(6, '^x')) // another one in its place
    for (let at = 0; at < 1000; at++) model.vhost.policies.remove('policy', `p${at}`)
    expect(model.topology.bytes).toBe(before)
  })

  test('stay as they were when one is refused', () => {
    const queue = model.queue('q')
    set('p', maxLength(5))
    expect(refusal(() => set('p', maxLength(-1)))).toContain('-1 is not a valid maximum length')
    expect(model.vhost.policies.policies('policy')).toMatchObject([{ name: 'p', definition: { 'max-length': 5 } }])
    expect(queue.settings.maxLength).toBe(5)
    expect(queue.publish(message('', 'q', 'x'))).toBe(true)
  })
})
