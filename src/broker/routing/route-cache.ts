/**
 * Remembers routes by the bytes of exchange and routing key, so that no string is made from a key that was seen before.
 * An open hash table of bounded size; when it is full it starts afresh. Routes carry the topology version they were
 * made under, and older ones do not count.
 */
import { randomInt } from 'node:crypto'
import { allocateBlock, type Block, copyBytes, equalBytes, hashBytes } from '../../lib/block.ts'
import type { Route } from './route.ts'

const SLOTS = 16_384
const MASK = SLOTS - 1
const ENTRIES_MAX = SLOTS / 2
const KEY_BYTES_MAX = 1024 * 1024
/** Of all routes together: each has a list of its own. */
const QUEUES_MAX = 1024 * 1024

interface Entry {
  readonly hash: number
  readonly start: number
  readonly length: number
  route: Route
}

export class RouteCache {
  #slots: (Entry | undefined)[] = []
  #count = 0
  #keys: Block | undefined
  #keyBytes = 0
  #queueCount = 0
  readonly #seed: number
  readonly #forgotten: (route: Route) => void

  /** `forgotten` is told of each route that goes. The seed of its hashes is a random one when not given. */
  constructor(forgotten: (route: Route) => void = () => {}, seed: number = randomInt(2 ** 32)) {
    this.#forgotten = forgotten
    this.#seed = seed
  }

  /** The remembered route, or undefined; the caller checks its version. */
  get(block: Block, start: number, end: number): Route | undefined {
    if (this.#keys === undefined) return undefined
    return this.#find(hashBytes(block, start, end, this.#seed), block, start, end)?.route
  }

  set(block: Block, start: number, end: number, route: Route): void {
    const hash = hashBytes(block, start, end, this.#seed)
    const known = this.#find(hash, block, start, end)
    const queueCount = route.queues.length
    if (known !== undefined && this.#queueCount - known.route.queues.length + queueCount <= QUEUES_MAX) {
      this.#queueCount += queueCount - known.route.queues.length
      this.#forgotten(known.route)
      known.route = route
      return
    }
    const length = end - start
    if (!this.#hasRoom(length, queueCount)) this.#reset()
    if (queueCount > QUEUES_MAX) return
    const keys = this.#keyStore(length)
    copyBytes(keys, this.#keyBytes, block, start, end)
    let slot = hash & MASK
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & MASK
    this.#slots[slot] = { hash, start: this.#keyBytes, length, route }
    this.#keyBytes += length
    this.#queueCount += queueCount
    this.#count++
  }

  each(visit: (route: Route) => void): void {
    for (const entry of this.#slots) if (entry !== undefined) visit(entry.route)
  }

  #hasRoom(keyBytes: number, queueCount: number): boolean {
    if (this.#keys === undefined || this.#count === ENTRIES_MAX) return false
    return this.#keyBytes + keyBytes <= KEY_BYTES_MAX && this.#queueCount + queueCount <= QUEUES_MAX
  }

  #find(hash: number, block: Block, start: number, end: number): Entry | undefined {
    const keys = this.#keys
    if (keys === undefined) return undefined
    const length = end - start
    for (let slot = hash & MASK; ; slot = (slot + 1) & MASK) {
      const entry = this.#slots[slot]
      if (entry === undefined) return undefined
      if (entry.hash !== hash || entry.length !== length) continue
      if (equalBytes(keys, entry.start, block, start, length)) return entry
    }
  }

  #reset(): void {
    this.each(this.#forgotten)
    this.#slots = new Array<Entry | undefined>(SLOTS).fill(undefined)
    this.#count = this.#keyBytes = this.#queueCount = 0
    this.#keys = allocateBlock(4096)
  }

  #keyStore(length: number): Block {
    let keys = this.#keys as Block // reset has made it
    if (this.#keyBytes + length > keys.size) {
      const larger = allocateBlock(Math.min(KEY_BYTES_MAX, keys.size * 2))
      copyBytes(larger, 0, keys, 0, this.#keyBytes)
      this.#keys = keys = larger
    }
    return keys
  }
}
