/**
 * Words as numbers: the words of binding keys have one each, from 1 on, as long as a binding key has the word. A routing
 * key is then a list of numbers, and a word of it that no binding key has is 0.
 */

/** `*`: one word. */
export const ANY_WORD = -1
/** `#`: any number of words. */
export const ANY_WORDS = -2
const UNKNOWN_WORD = 0

export class WordNumbers {
  readonly #numbers = new Map<string, number>()
  /** How many words of binding keys have this number. */
  readonly #uses: number[] = [0]
  readonly #free: number[] = []

  /** The number of a word of routing keys. */
  of(word: string): number {
    return this.#numbers.get(word) ?? UNKNOWN_WORD
  }

  /** The number of a word of a binding key, which keeps it until `release`. */
  take(word: string): number {
    const known = this.#numbers.get(word)
    const number = known ?? this.#free.pop() ?? this.#uses.length
    if (known === undefined) this.#numbers.set(word, number)
    this.#uses[number] = (this.#uses[number] ?? 0) + 1
    return number
  }

  /** `number` is the word's. */
  release(word: string, number: number): void {
    const uses = (this.#uses[number] ?? 0) - 1
    this.#uses[number] = uses
    if (uses > 0) return
    this.#numbers.delete(word)
    this.#free.push(number)
  }
}

/** A routing key in numbers. One object is used for all keys of a table, one after the other. */
export class TopicKey {
  count = 0
  /** The first `count` of them are its words. */
  readonly words: number[] = []
  #distinctCount = -1
  readonly #distinct: number[] = []
  readonly #places: number[] = []

  set(routingKey: string, numbers: WordNumbers): void {
    this.#forget()
    this.count = 0
    if (routingKey === '') return
    for (let start = 0; ; ) {
      const dot = routingKey.indexOf('.', start)
      this.words[this.count++] = numbers.of(dot < 0 ? routingKey.slice(start) : routingKey.slice(start, dot))
      if (dot < 0) return
      start = dot + 1
    }
  }

  /** How many numbers occur in it. */
  get distinctCount(): number {
    if (this.#distinctCount < 0) this.#findDistinct()
    return this.#distinctCount
  }

  /** One of the numbers that occur in it. */
  distinct(at: number): number {
    return this.#distinct[at] as number
  }

  /** The place of a number among those that occur in it, counted from 1; 0 when the key lacks the word. */
  place(number: number): number {
    if (this.#distinctCount < 0) this.#findDistinct()
    return number < this.#places.length ? (this.#places[number] as number) : 0
  }

  #findDistinct(): void {
    this.#distinctCount = 0
    for (let i = 0; i < this.count; i++) {
      const number = this.words[i] as number
      if (number === UNKNOWN_WORD) continue
      while (this.#places.length <= number) this.#places.push(0)
      if (this.#places[number] !== 0) continue
      this.#distinct[this.#distinctCount++] = number
      this.#places[number] = this.#distinctCount
    }
  }

  #forget(): void {
    for (let i = 0; i < this.#distinctCount; i++) this.#places[this.#distinct[i] as number] = 0
    this.#distinctCount = -1
  }
}

/** RabbitMQ: an empty key has no words, while `.` has two empty ones. */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

/** Whether the binding key stands for more than one routing key. */
export function hasWildcard(bindingKey: string): boolean {
  return hasWord(bindingKey, '*') || hasWord(bindingKey, '#')
}

/** Without an object for each word: a queue that is deleted may have had very many bindings. */
function hasWord(key: string, letter: string): boolean {
  for (let at = key.indexOf(letter); at >= 0; at = key.indexOf(letter, at + 1)) {
    const isFirst = at === 0 || key[at - 1] === '.'
    if (isFirst && (at + 1 === key.length || key[at + 1] === '.')) return true
  }
  return false
}

/** A binding key's words in the one form that all have which mean the same: of `*` and `#` in a row, `#` is last and alone. */
export function normalWords(bindingKey: string): string[] {
  const normal: string[] = []
  let isOpen = false
  for (const word of wordsOf(bindingKey)) {
    if (word === '#') {
      isOpen = true
      continue
    }
    if (isOpen && word !== '*') {
      normal.push('#')
      isOpen = false
    }
    normal.push(word)
  }
  if (isOpen) normal.push('#')
  return normal
}
