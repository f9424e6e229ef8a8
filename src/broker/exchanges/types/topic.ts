/**
 * A message goes where its routing key has the words of the binding key: `*` stands for one word, `#` for any number of
 * words. Binding keys that mean the same are one pattern (`TopicPattern`), and patterns are found by their words
 * (`TopicIndex`).
 */
import type { FieldTable } from '../../../../protocol/field-table.ts'
import type { Binding, Destination } from '../binding.ts'
import type { RoutingTable } from './exchange-types.ts'
import { TopicIndex } from './topic-index.ts'
import { TopicPattern } from './topic-pattern.ts'
import { ANY_WORD, ANY_WORDS, normalWords, TopicKey, WordNumbers } from './topic-words.ts'

export class TopicTable implements RoutingTable {
  readonly #numbers = new WordNumbers()
  readonly #patterns = new Map<string, TopicPattern>()
  readonly #index = new TopicIndex()
  readonly #key = new TopicKey()

  add(binding: Binding): void {
    const words = normalWords(binding.routingKey)
    const name = words.join('.')
    let pattern = this.#patterns.get(name)
    if (pattern === undefined) {
      pattern = new TopicPattern(
        name,
        words.map((word) => this.#numberOf(word)),
      )
      this.#patterns.set(name, pattern)
      this.#index.add(pattern)
    }
    pattern.bindings.add(binding)
  }

  remove(binding: Binding): void {
    const words = normalWords(binding.routingKey)
    const pattern = this.#patterns.get(words.join('.'))
    if (pattern === undefined || !pattern.bindings.delete(binding) || pattern.bindings.size > 0) return
    this.#patterns.delete(pattern.name)
    this.#index.remove(pattern)
    for (const word of words) if (word !== '*' && word !== '#') this.#numbers.release(word)
  }

  route(routingKey: string, _headers: FieldTable, visit: (destination: Destination) => void): void {
    this.#key.set(routingKey, this.#numbers)
    this.#index.match(this.#key, ({ bindings }) => {
      for (const binding of bindings) visit(binding.destination)
    })
  }

  #numberOf(word: string): number {
    if (word === '*') return ANY_WORD
    // In a routing key `*` and `#` are words like any other, which no binding key can have.
    return word === '#' ? ANY_WORDS : this.#numbers.take(word)
  }
}
