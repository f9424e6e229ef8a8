/**
 * Remembers routes by the bytes of exchange and routing key, so that no string is made from a key that was seen before.
 * A hash table of bounded size, in a few arrays that lie close together: what a lookup waits for is memory. When it is full it starts
 * afresh. Routes carry the topology version they were made under, and older ones do not count.
 */
import { randomInt } from 'node:crypto'
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK, equalBytes, hashBytes } from '../../lib/block.ts'
import type { Route } from './route.ts'

const SLOTS_MIN = 64
const ENTRIES_MAX = 8192
const KEY_BYTES_MAX = 1024 * 1024
/** Of all routes together: each has a list of its own. */
const QUEUES_MAX = 1024 * 1024

/** More keys than this have the same hash by no chance: a client has chosen them, to make each search a long one. */
const SAME_HASH_MAX = 8

const NO_SLOTS = new Int32Array(2)

export class RouteCache {
  /** Two numbers for each slot: a hash, and the entry that has it, counted from 1; 0 where there is none. */
  #slots = NO_SLOTS
  /** The number of slots less one: a power of two less one. */
  #mask = 0
  /** Where the key of each entry begins in `#keys`; it ends where that of the next one begins. */
  #starts: number[] = [0]
  #routes: Route[] = []
  #keys = EMPTY_BLOCK
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
    const entry = this.#find(hashBytes(block, start, end, this.#seed), block, start, end)
    return entry === -1 ? undefined : this.#routes[entry]
  }

  /** False when it does not remember the route. */
  set(block: Block, start: number, end: number, route: Route): boolean {
    const hash = hashBytes(block, start, end, this.#seed)
    const entry = this.#find(hash, block, start, end)
    const queueCount = route.queues.length
    if (entry !== -1 && this.#replace(entry, route)) return true
    if (!this.#hasRoom(end - start, queueCount)) this.#reset()
    if (queueCount > QUEUES_MAX || this.#countOf(hash) === SAME_HASH_MAX) return false
    if (this.#routes.length * 2 >= this.#mask) this.#growSlots()
    this.#queueCount += queueCount
    this.#addKey(block, start, end)
    this.#routes.push(route)
    this.#occupy(hash, this.#routes.length)
    return true
  }

  /** False when there is no room for all the queues that it leads to. */
  #replace(entry: number, route: Route): boolean {
    const before = this.#routes[entry] as Route
    const queueCount = this.#queueCount - before.queues.length + route.queues.length
    if (queueCount > QUEUES_MAX) return false
    this.#queueCount = queueCount
    this.#forgotten(before)
    this.#routes[entry] = route
    return true
  }

  #hasRoom(keyBytes: number, queueCount: number): boolean {
    if (this.#routes.length === ENTRIES_MAX || this.#queueCount + queueCount > QUEUES_MAX) return false
    return this.#keyBytes + keyBytes <= KEY_BYTES_MAX
  }

  /** Bytes of the keys of all entries. */
  get #keyBytes(): number {
    return this.#starts[this.#routes.length] as number
  }

  /** The entry with this key, or -1. */
  #find(hash: number, block: Block, start: number, end: number): number {
    const slots = this.#slots
    const starts = this.#starts
    const length = end - start
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = (slots[slot * 2 + 1] as number) - 1
      if (entry === -1) return -1
      if (slots[slot * 2] !== hash) continue
      const at = starts[entry] as number
      if ((starts[entry + 1] as number) - at === length && equalBytes(this.#keys, at, block, start, length))
        return entry
    }
  }

  /** How many entries have this hash. */
  #countOf(hash: number): number {
    const slots = this.#slots
    let count = 0
    for (let slot = hash & this.#mask; slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask) {
      if (slots[slot * 2] === hash) count++
    }
    return count
  }

  #occupy(hash: number, entryFromOne: number): void {
    let slot = hash & this.#mask
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask
    this.#slots[slot * 2] = hash
    this.#slots[slot * 2 + 1] = entryFromOne
  }

  #growSlots(): void {
    const before = this.#slots
    const count = Math.max(SLOTS_MIN, (this.#mask + 1) * 2)
    this.#slots = new Int32Array(count * 2)
    this.#mask = count - 1
    for (let at = 0; at < before.length; at += 2) {
      if (before[at + 1] !== 0) this.#occupy(before[at] as number, before[at + 1] as number)
    }
  }

  #addKey(block: Block, start: number, end: number): void {
    const before = this.#keyBytes
    const after = before + end - start
    if (after > this.#keys.size) {
      const larger = allocateBlock(Math.max(4096, Math.min(KEY_BYTES_MAX, this.#keys.size * 2)))
      copyBytes(larger, 0, this.#keys, 0, before)
      this.#keys = larger
    }
    copyBytes(this.#keys, before, block, start, end)
    this.#starts.push(after)
  }

  #reset(): void {
    for (const route of this.#routes) this.#forgotten(route)
    this.#slots = NO_SLOTS
    this.#mask = 0
    this.#starts = [0]
    this.#routes = []
    this.#keys = EMPTY_BLOCK
    this.#queueCount = 0
  }
}
