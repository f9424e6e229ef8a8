/** How many messages are due by now, for a steady rate. */
export class Pacer {
  readonly #intervalUs: number
  readonly #startUs: number

  /** `phase` (0 to 1) shifts the first message by a part of the interval, so that publishers do not go in step. */
  constructor(perSecond: number, startUs: number, phase: number) {
    this.#intervalUs = 1_000_000 / perSecond
    this.#startUs = startUs + phase * this.#intervalUs
  }

  dueBy(nowUs: number): number {
    return Math.max(0, Math.floor((nowUs - this.#startUs) / this.#intervalUs) + 1)
  }

  /** How long until message number `count` (from 0) is due. */
  usUntil(count: number, nowUs: number): number {
    return this.#startUs + count * this.#intervalUs - nowUs
  }
}
