/** How many values were at most so large, for each of some bounds. Adding one costs a few comparisons and two additions. */
export class Histogram {
  /** In ascending order. */
  readonly bounds: readonly number[]
  /** The values at or below each bound and above the one before; then those above all bounds, then the sum of all values. */
  readonly #values: Float64Array

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#values = new Float64Array(bounds.length + 2)
  }

  /** Adds a value that was there so many times. */
  add(value: number, times = 1): void {
    const { bounds } = this
    const values = this.#values
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    values[at] = (values[at] as number) + times
    values[bounds.length + 1] = (values[bounds.length + 1] as number) + value * times
  }

  get sum(): number {
    return this.#values[this.bounds.length + 1] as number
  }

  get count(): number {
    return this.cumulative().at(-1) as number
  }

  /** How many values were at or below each bound, and then how many there were. */
  cumulative(): number[] {
    let count = 0
    return Array.from(this.#values.subarray(0, this.bounds.length + 1), (values) => {
      count += values
      return count
    })
  }
}

/** For what takes from a tenth of a millisecond up to ten seconds. */
export const SECONDS_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
