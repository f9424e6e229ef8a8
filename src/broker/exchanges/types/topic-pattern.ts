/**
 * A binding key in numbers, in its normal form:
 *
 *     head words  #  inner words, with more `#` among them  #  tail words
 *
 * Head and tail are compared word by word. Whether the inner words are found between them is followed for all of their
 * beginnings at once: bit j of the state says that the first j of them match up to here. So each word of the routing key
 * costs one step for every 32 words of the pattern, whatever they are.
 */
import { SmallSet } from '../../../lib/small-set.ts'
import type { Way } from './routing-table.ts'
import { ANY_WORD, ANY_WORDS, type TopicKey } from './topic-words.ts'

export class TopicPattern<D> {
  /** The binding key in its normal form. */
  readonly name: string
  readonly ways = new SmallSet<Way<D>>()
  readonly words: readonly number[]
  /** Words in front of the first `#`; all of them when there is none. */
  readonly headCount: number
  /** Words behind the last `#`; all of them when there is none. */
  readonly tailCount: number
  /** The words between the first `#` and the last one, without `#`. */
  readonly inner: readonly number[]
  /** The inner words without `*`. */
  readonly asked: readonly number[]
  /** Which inner words have a `#` in front of them. */
  readonly #afterHash: readonly boolean[]
  /** Where the index keeps it among others. */
  slot = 0
  /** A routing key has at least so many words. */
  readonly #wordsMin: number

  constructor(name: string, words: readonly number[]) {
    this.name = name
    this.words = words
    const first = words.indexOf(ANY_WORDS)
    const last = words.lastIndexOf(ANY_WORDS)
    this.headCount = first < 0 ? words.length : first
    this.tailCount = words.length - 1 - last
    const inner: number[] = []
    const afterHash: boolean[] = []
    for (let at = first + 1; at < last; at++) {
      if (words[at] === ANY_WORDS) continue
      inner.push(words[at] as number)
      afterHash.push(words[at - 1] === ANY_WORDS)
    }
    this.inner = inner.length === 0 ? NO_WORDS : inner
    this.asked = inner.includes(ANY_WORD) ? inner.filter((word) => word !== ANY_WORD) : this.inner
    this.#afterHash = afterHash.length === 0 ? NO_FLAGS : afterHash
    this.#wordsMin = first < 0 ? words.length : first + inner.length + this.tailCount
  }

  matches(key: TopicKey): boolean {
    const { words, headCount, tailCount } = this
    const { count } = key
    const isOpen = headCount < words.length
    if (isOpen ? count < this.#wordsMin : count !== this.#wordsMin) return false
    for (let i = 0; i < headCount; i++) {
      if (words[i] !== ANY_WORD && words[i] !== key.words[i]) return false
    }
    if (!isOpen) return true
    for (let i = 1; i <= tailCount; i++) {
      const word = words[words.length - i]
      if (word !== ANY_WORD && word !== key.words[count - i]) return false
    }
    return this.inner.length === 0 || this.#isInnerIn(key, headCount, count - tailCount)
  }

  #isInnerIn(key: TopicKey, start: number, end: number): boolean {
    for (const word of this.asked) if (key.place(word) === 0) return false
    const cells = (this.inner.length >>> 5) + 1
    const places = key.distinctCount + 1
    masks.prepare(cells, places)
    this.#fillMasks(key, cells)
    const isIn = this.#follow(key, start, end, cells)
    masks.clear(cells * places)
    return isIn
  }

  #fillMasks(key: TopicKey, cells: number): void {
    const { inner } = this
    const { byPlace, any, loops } = masks
    for (let j = 0; j < inner.length; j++) {
      const word = inner[j] as number
      const bit = 1 << (j & 31)
      const cell = j >>> 5
      if (this.#afterHash[j]) loops[cell] = (loops[cell] as number) | bit
      const bits = word === ANY_WORD ? any : byPlace
      const at = word === ANY_WORD ? cell : key.place(word) * cells + cell
      bits[at] = (bits[at] as number) | bit
    }
  }

  #follow(key: TopicKey, start: number, end: number, cells: number): boolean {
    const { byPlace, any, loops, state } = masks
    const done = this.inner.length
    state[0] = 1
    for (let i = start; i < end; i++) {
      const place = key.place(key.words[i] as number)
      let carry = 0
      for (let cell = 0; cell < cells; cell++) {
        const before = state[cell] as number
        const matched = before & ((byPlace[place * cells + cell] as number) | (any[cell] as number))
        state[cell] = (before & (loops[cell] as number)) | (matched << 1) | carry
        carry = matched >>> 31
      }
      if (((state[done >>> 5] as number) & (1 << (done & 31))) !== 0) return true
    }
    return false
  }
}

const NO_WORDS: readonly number[] = []
const NO_FLAGS: readonly boolean[] = []

/** What one match notes; all matches use it in turn. */
class Masks {
  /** Which inner words a word of the key is, by its place; 0 is the place of all that no binding key has. */
  byPlace = new Uint32Array(64)
  /** Which inner words are `*`. */
  any = new Uint32Array(8)
  /** Which inner words may come later, as there is a `#` in front of them. */
  loops = new Uint32Array(8)
  state = new Uint32Array(8)

  prepare(cells: number, places: number): void {
    if (cells > this.loops.length) {
      this.any = new Uint32Array(cells)
      this.loops = new Uint32Array(cells)
      this.state = new Uint32Array(cells)
    }
    if (cells * places > this.byPlace.length) this.byPlace = new Uint32Array(cells * places * 2)
  }

  clear(used: number): void {
    this.byPlace.fill(0, 0, used)
    this.any.fill(0)
    this.loops.fill(0)
    this.state.fill(0)
  }
}

const masks = new Masks()
