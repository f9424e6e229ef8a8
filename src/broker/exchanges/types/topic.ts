/**
 * A message goes where its routing key has the words of the binding key: `*` stands for one word, `#` for any number of
 * words. A binding key without them is found as it is. Of the others, those that mean the same are one pattern
 * (`TopicPattern`), and patterns are found by their words (`TopicIndex`).
 */
import type { Properties } from '../../../../protocol/properties.ts'
import { DirectTable } from './direct.ts'
import type { RoutingTable, Way } from './routing-table.ts'
import { TopicIndex } from './topic-index.ts'
import { TopicPattern } from './topic-pattern.ts'
import { ANY_WORD, ANY_WORDS, hasWildcard, normalWords, TopicKey, WordNumbers } from './topic-words.ts'

export class TopicTable<D> implements RoutingTable<D> {
  /** Of binding keys that only one routing key has the words of. */
  readonly #plain = new DirectTable<D>()
  readonly #numbers = new WordNumbers()
  readonly #patterns = new Map<string, TopicPattern<D>>()
  readonly #index = new TopicIndex<D>()
  readonly #key = new TopicKey()

  add(way: Way<D>): void {
    if (!hasWildcard(way.routingKey)) {
      this.#plain.add(way)
      return
    }
    const words = normalWords(way.routingKey)
    const name = nameOf(way.routingKey, words)
    let pattern = this.#patterns.get(name)
    if (pattern === undefined) {
      pattern = new TopicPattern<D>(
        name,
        words.map((word) => this.#numberOf(word)),
      )
      this.#patterns.set(name, pattern)
      this.#index.add(pattern)
    }
    pattern.ways.add(way)
  }

  remove(way: Way<D>): void {
    if (!hasWildcard(way.routingKey)) {
      this.#plain.remove(way)
      return
    }
    const words = normalWords(way.routingKey)
    const pattern = this.#patterns.get(nameOf(way.routingKey, words))
    if (pattern === undefined || !pattern.ways.delete(way) || pattern.ways.size > 0) return
    this.#patterns.delete(pattern.name)
    this.#index.remove(pattern)
    for (const [at, number] of pattern.words.entries()) {
      if (number !== ANY_WORD && number !== ANY_WORDS) this.#numbers.release(words[at] as string, number)
    }
  }

  route(routingKey: string, properties: Properties, visit: (destination: D) => void): void {
    this.#plain.route(routingKey, properties, visit)
    if (this.#patterns.size === 0) return
    this.#key.set(routingKey, this.#numbers)
    this.#index.match(this.#key, ({ ways }) => {
      for (const way of ways) visit(way.destination)
    })
  }

  #numberOf(word: string): number {
    if (word === '*') return ANY_WORD
    // In a routing key `*` and `#` are words like any other, which no binding key can have.
    return word === '#' ? ANY_WORDS : this.#numbers.take(word)
  }
}

/** The binding key in its normal form. Without a `#` it is in that form: the text is not kept a second time. */
function nameOf(bindingKey: string, words: readonly string[]): string {
  return bindingKey.includes('#') ? words.join('.') : bindingKey
}
