import type { Consumer } from './consumer.ts'

/** Consumers that take turns: a ring of slots, from the one who is due to the one who was last. */
export class ConsumerRound {
  size = 0
  #slots: (Consumer | undefined)[] = [undefined]
  #first = 0

  /** Puts a consumer at the back. */
  push(consumer: Consumer): void {
    if (this.size === this.#slots.length) this.#resize(this.size * 2)
    this.#slots[(this.#first + this.size++) & (this.#slots.length - 1)] = consumer
  }

  /** The consumer who is due; there must be one. */
  get first(): Consumer {
    return this.#slots[this.#first] as Consumer
  }

  /** Puts the one who is due at the back. */
  rotate(): void {
    if (this.size > 1) this.push(this.shift())
  }

  /** Takes the consumer who is due; there must be one. */
  shift(): Consumer {
    const consumer = this.#slots[this.#first] as Consumer
    this.#slots[this.#first] = undefined
    this.#first = (this.#first + 1) & (this.#slots.length - 1)
    this.size--
    return consumer
  }

  /** Leaves out those who are cancelled. */
  compact(): void {
    const { size } = this
    for (let i = 0; i < size; i++) {
      const consumer = this.shift()
      if (!consumer.isCancelled) this.push(consumer)
    }
    let slots = this.#slots.length
    while (slots > 1 && this.size * 4 <= slots) slots /= 2
    if (slots < this.#slots.length) this.#resize(slots)
  }

  #resize(slots: number): void {
    const old = this.#slots
    const first = this.#first
    this.#slots = new Array<Consumer | undefined>(slots).fill(undefined)
    this.#first = 0
    for (let i = 0; i < this.size; i++) this.#slots[i] = old[(first + i) & (old.length - 1)]
  }
}
