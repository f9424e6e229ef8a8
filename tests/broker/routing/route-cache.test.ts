import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Route } from '../../../src/broker/routing/route.ts'
import { RouteCache } from '../../../src/broker/routing/route-cache.ts'
import { Block, hashBytes } from '../../../src/lib/block.ts'

/** One that leads to so many queues. */
function route(version: number, queueCount = 1): Route {
  return { version, queues: { length: queueCount } } as Route // the cache looks at nothing else in it
}

const SEED = 0x811c9dc5

/** The highest bit of a word stays the highest one through the hash: an even number of them takes itself back. */
function keysOfOneHash(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(64, 'a')
    let words = 0
    for (let bit = 0; bit < 15; bit++) {
      if (((i >> bit) & 1) === 0) continue
      key[4 * bit + 3] = 0xe1
      words++
    }
    if (words % 2 === 1) key[63] = 0xe1
    return key
  })
}

class Pair {
  readonly cache: RouteCache
  readonly map = new Map<string, Route>()

  constructor(cache = new RouteCache()) {
    this.cache = cache
  }

  set(key: Buffer, value: Route): void {
    this.#in(key, (block, start, end) => this.cache.set(block, start, end, value))
    this.map.set(key.toString('hex'), value)
  }

  get(key: Buffer): Route | undefined {
    let found: Route | undefined
    this.#in(key, (block, start, end) => {
      found = this.cache.get(block, start, end)
    })
    return found
  }

  #in(key: Buffer, use: (block: Block, start: number, end: number) => void): void {
    const block = new Block(Buffer.concat([Buffer.alloc(3, 1), key, Buffer.alloc(3, 2)]))
    use(block, 3, 3 + key.length)
    block.bytes.fill(0xee)
  }
}

const keys = fc
  .oneof(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 510 }))
  .map((bytes) => Buffer.from(bytes))

describe('RouteCache', () => {
  test('behaves like a map while it has room', () => {
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 100 }), fc.array(keys, { maxLength: 20 }), (known, others) => {
        const pair = new Pair()
        for (const [version, key] of known.entries()) pair.set(key, route(version))
        for (const key of [...known, ...others]) expect(pair.get(key)).toBe(pair.map.get(key.toString('hex')))
      }),
    )
  })

  test('is empty at first', () => {
    expect(new Pair().get(Buffer.from('k'))).toBeUndefined()
  })

  test('never mistakes one key for another, and remembers a bounded number, when there are very many', () => {
    const pair = new Pair()
    const key = (i: number) => Buffer.from(`\x06orders\x08${String(i).padStart(8, '0')}`)
    const routes = Array.from({ length: 30_000 }, (_, i) => route(i))
    let wrong = 0
    for (const [i, one] of routes.entries()) {
      pair.set(key(i), one)
      if (pair.get(key(i)) !== one) wrong++
    }
    const remembered = routes.filter((one, i) => {
      const found = pair.get(key(i))
      if (found !== undefined && found !== one) wrong++
      return found === one
    })
    expect(wrong).toBe(0)
    expect(remembered.length).toBeGreaterThan(0)
    expect(remembered.length).toBeLessThanOrEqual(8192)
  })

  test('keeps a bounded number of bytes of long keys', () => {
    const pair = new Pair()
    const key = (i: number) => Buffer.alloc(510, `${i};`)
    for (let i = 0; i < 5000; i++) pair.set(key(i), route(i))
    const remembered = Array.from({ length: 5000 }, (_, i) => pair.get(key(i))).filter((one) => one !== undefined)
    expect(remembered.length * 510).toBeLessThanOrEqual(1024 * 1024)
    expect(pair.get(key(4999))?.version).toBe(4999)
  })

  test('keeps a bounded number of queues that its routes lead to, and no longer list than that', () => {
    const pair = new Pair()
    const key = (i: number) => Buffer.from(`key-${i}`)
    const areRemembered = (count: number) => Array.from({ length: count }, (_, i) => pair.get(key(i)) !== undefined)
    for (let i = 0; i < 10; i++) pair.set(key(i), route(i, 100_000))
    // What takes another one's place takes no more room than that one did.
    for (let i = 0; i < 100; i++) pair.set(key(0), route(i, 100_000))
    expect(areRemembered(10)).toEqual(new Array(10).fill(true))
    pair.set(key(0), route(0, 200_000))
    expect(areRemembered(10)).toEqual([true, ...new Array(9).fill(false)])
    pair.set(key(1), route(1, 900_000))
    expect(areRemembered(2)).toEqual([false, true])
    pair.set(key(0), route(0, 2_000_000))
    expect(pair.get(key(0))).toBeUndefined()
  })

  test('remembers few of the keys that a client chooses so that they have the same hash, whatever the seed', () => {
    const pair = new Pair()
    const keys = keysOfOneHash(4000)
    const areRemembered = keys.map((key, i) => pair.cache.set(new Block(key), 0, key.length, route(i)))
    expect(new Set(keys.map((key) => hashBytes(new Block(key), 0, key.length, 12_345))).size).toBe(1)
    for (const [i, key] of keys.entries()) expect(pair.get(key)?.version).toBe(areRemembered[i] ? i : undefined)
    expect(areRemembered.filter((is) => is).length).toBe(8)
    const other = Buffer.from('other')
    pair.set(other, route(5000))
    expect(pair.get(other)?.version).toBe(5000)
  })

  test('tells keys apart that have the same hash', () => {
    const byHash = new Map<number, Buffer>()
    for (let i = 0; ; i++) {
      const key = Buffer.from(`key-${i * 2_654_435_761}`)
      const hash = hashBytes(new Block(key), 0, key.length, SEED)
      const other = byHash.get(hash)
      byHash.set(hash, key)
      if (other === undefined || other.length !== key.length) continue
      const pair = new Pair(new RouteCache(() => {}, SEED))
      pair.set(other, route(1))
      expect(pair.get(key)).toBeUndefined()
      pair.set(key, route(2))
      expect([pair.get(other)?.version, pair.get(key)?.version]).toEqual([1, 2])
      return
    }
  })
})
