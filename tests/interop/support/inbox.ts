import { clearTimeout, setTimeout } from 'node:timers'

/** Things that arrive on their own, kept in order until a test asks for them. */
export class Inbox<T> {
  readonly #items: T[] = []
  #wake: () => void = () => {}

  readonly put = (item: T): void => {
    this.#items.push(item)
    this.#wake()
  }

  get size(): number {
    return this.#items.length
  }

  /** The next `count` items, in order of arrival; throws when they do not come in time. */
  async take(count: number, timeoutMs = 10_000): Promise<T[]> {
    const endsAtMs = Date.now() + timeoutMs
    while (this.#items.length < count) {
      const leftMs = endsAtMs - Date.now()
      if (leftMs <= 0) throw new Error(`${this.#items.length} of ${count} arrived within ${timeoutMs} ms`)
      await this.#arrival(leftMs)
    }
    return this.#items.splice(0, count)
  }

  async next(timeoutMs = 10_000): Promise<T> {
    const [item] = await this.take(1, timeoutMs)
    return item as T
  }

  /** Takes items until `isEnough` says so. */
  async takeUntil(isEnough: (taken: readonly T[]) => boolean, timeoutMs = 15_000): Promise<T[]> {
    const taken: T[] = []
    while (!isEnough(taken)) taken.push(await this.next(timeoutMs))
    return taken
  }

  async #arrival(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
