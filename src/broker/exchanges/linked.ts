/** Objects in a list of their own: to come and to go costs a few writes, wherever in the list they are. */
export interface Linked<T> {
  next: T | undefined
  previous: T | undefined
}

export class LinkedList<T extends Linked<T>> {
  #first: T | undefined

  /** One that is in no list. */
  add(one: T): void {
    one.next = this.#first
    if (this.#first !== undefined) this.#first.previous = one
    this.#first = one
  }

  /** One that is in this list. */
  remove(one: T): void {
    const { next, previous } = one
    if (next !== undefined) next.previous = previous
    if (previous === undefined) this.#first = next
    else previous.next = next
    one.next = undefined
    one.previous = undefined
  }

  /** Each may leave the list meanwhile. */
  each(act: (one: T) => void): void {
    for (let one = this.#first; one !== undefined; ) {
      const { next } = one
      act(one)
      one = next
    }
  }
}
