/**
 * The patterns that a routing key may match, found by the words they ask for. A tree: a node either holds a few patterns,
 * which are compared one by one, or parts them by the word they have in one place: counted from the front, from the
 * back, or among the inner words, which may be anywhere. Those without a word there are looked at for every key. A node
 * with too many patterns chooses the place that parts them best. Each pattern is in one node, so that no key costs more
 * than a comparison with every pattern.
 */
import type { TopicPattern } from './topic-pattern.ts'
import { ANY_WORD, type TopicKey } from './topic-words.ts'

const PATTERNS_MAX = 8

type AnyPattern = Omit<TopicPattern<unknown>, 'ways'>

/** Never written to. */
const NO_PATTERNS: never[] = []

interface Place {
  readonly from: 'front' | 'back' | 'inner'
  readonly index: number
}

export class TopicIndex<D> {
  #patterns: TopicPattern<D>[] = NO_PATTERNS
  /** With more patterns than this, it tries to part them. */
  #patternsMax = PATTERNS_MAX
  #place: Place | undefined
  #byWord: Map<number, TopicIndex<D>> | undefined
  /** Those without a word in that place. */
  #others: TopicIndex<D> | undefined

  add(pattern: TopicPattern<D>): void {
    if (this.#place !== undefined) {
      this.#childFor(wordAt(pattern, this.#place)).add(pattern)
      return
    }
    if (this.#patterns.length === 0) {
      // A list that grows takes room for many, and most nodes stay with one.
      this.#patterns = [pattern]
      pattern.slot = 0
      return
    }
    pattern.slot = this.#patterns.push(pattern) - 1
    if (this.#patterns.length > this.#patternsMax) this.#part()
  }

  /** Whether nothing is left. */
  remove(pattern: TopicPattern<D>): boolean {
    if (this.#place === undefined) {
      const last = this.#patterns.pop()
      if (last === undefined || last === pattern) return this.#patterns.length === 0
      this.#patterns[pattern.slot] = last
      last.slot = pattern.slot
      return false
    }
    const word = wordAt(pattern, this.#place)
    if (this.#childFor(word).remove(pattern)) {
      if (word === ANY_WORD) this.#others = undefined
      else this.#byWord?.delete(word)
    }
    if ((this.#byWord?.size ?? 0) > 0 || this.#others !== undefined) return false
    this.#place = this.#byWord = undefined
    this.#patternsMax = PATTERNS_MAX
    return true
  }

  /** Calls `visit` for each pattern that matches. */
  match(key: TopicKey, visit: (pattern: TopicPattern<D>) => void): void {
    const place = this.#place
    if (place === undefined) {
      for (const pattern of this.#patterns) if (pattern.matches(key)) visit(pattern)
      return
    }
    if (place.from === 'inner') {
      for (let i = 0; i < key.distinctCount; i++) this.#byWord?.get(key.distinct(i))?.match(key, visit)
    } else {
      const at = place.from === 'front' ? place.index : key.count - 1 - place.index
      if (at >= 0 && at < key.count) this.#byWord?.get(key.words[at] as number)?.match(key, visit)
    }
    this.#others?.match(key, visit)
  }

  #childFor(word: number): TopicIndex<D> {
    let child = word === ANY_WORD ? this.#others : this.#byWord?.get(word)
    if (child !== undefined) return child
    child = new TopicIndex<D>()
    if (word === ANY_WORD) this.#others = child
    else {
      this.#byWord ??= new Map()
      this.#byWord.set(word, child)
    }
    return child
  }

  #part(): void {
    const patterns = this.#patterns
    this.#place = bestPlace(patterns)
    // It may be that they differ where no place tells: then it is tried again with more of them.
    this.#patternsMax = patterns.length * 2
    if (this.#place === undefined) return
    this.#patterns = NO_PATTERNS
    for (const pattern of patterns) this.#childFor(wordAt(pattern, this.#place)).add(pattern)
  }
}

/** The word that the pattern asks for in this place, or ANY_WORD. */
function wordAt({ words, headCount, tailCount, asked }: AnyPattern, { from, index }: Place): number {
  if (from === 'front') return index < headCount ? (words[index] as number) : ANY_WORD
  if (from === 'back') return index < tailCount ? (words[words.length - 1 - index] as number) : ANY_WORD
  return asked[index] ?? ANY_WORD
}

/** The place where a key finds the fewest of these patterns; undefined when none parts them. */
function bestPlace(patterns: readonly AnyPattern[]): Place | undefined {
  let best: Place | undefined
  let fewest = patterns.length
  const consider = (from: Place['from'], count: (pattern: AnyPattern) => number): void => {
    const end = patterns.reduce((most, pattern) => Math.max(most, count(pattern)), 0)
    for (let index = 0; index < end; index++) {
      const found = foundAt(patterns, { from, index })
      if (found >= fewest) continue
      fewest = found
      best = { from, index }
    }
  }
  consider('front', ({ headCount }) => headCount)
  consider('back', ({ tailCount }) => tailCount)
  consider('inner', ({ asked }) => asked.length)
  return best
}

/** The most patterns that a key finds when it is looked at in this place. */
function foundAt(patterns: readonly AnyPattern[], place: Place): number {
  const counts = new Map<number, number>()
  for (const pattern of patterns) {
    const word = wordAt(pattern, place)
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const others = counts.get(ANY_WORD) ?? 0
  counts.delete(ANY_WORD)
  let most = 0
  for (const count of counts.values()) most = Math.max(most, count)
  return others + most
}
