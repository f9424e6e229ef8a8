/** Something that holds publishers back for as long as it lasts. */
export class Alarm {
  isActive = false
  readonly #listeners = new Set<(isActive: boolean) => void>()

  set(isActive: boolean): void {
    if (isActive === this.isActive) return
    this.isActive = isActive
    for (const listener of this.#listeners) listener(isActive)
  }

  /** Returns a function that ends the subscription. */
  onChange(listener: (isActive: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
