/**
 * How often the messages of a segment were delivered and came back: two bytes for each, in segments that need it. More than
 * 65,535 times count as so many; a restart remembers 255.
 */
const COUNT_MAX = 65_535
const KEPT_MAX = 255

/** Neighbours that came back as often. */
export interface DeliveryCountRun {
  readonly first: number
  readonly count: number
  readonly times: number
}

export class DeliveryCounts {
  #counts: Uint16Array = new Uint16Array(0)

  of(index: number): number {
    return this.#counts[index] ?? 0
  }

  /** The message came back one more time. */
  add(index: number): void {
    this.set(index, Math.min(this.of(index) + 1, COUNT_MAX))
  }

  set(index: number, times: number): void {
    if (index >= this.#counts.length) this.#grow(index + 1)
    this.#counts[index] = times
  }

  /** Those of all messages in front of this index that came back, as a restart remembers them. */
  allBefore(end: number): DeliveryCountRun[] {
    const runs = new Runs()
    for (let index = 0; index < Math.min(end, this.#counts.length); index++) {
      const times = this.of(index)
      if (times > 0) runs.add(index, times)
    }
    return runs.all
  }

  /** Those of these messages, in rising order, as a restart remembers them. */
  ofAll(indexes: readonly number[]): DeliveryCountRun[] {
    const runs = new Runs()
    for (const index of indexes) runs.add(index, this.of(index))
    return runs.all
  }

  #grow(length: number): void {
    const larger = new Uint16Array(Math.max(64, length, this.#counts.length * 2))
    larger.set(this.#counts)
    this.#counts = larger
  }
}

/** Those of a segment, made for the first message that needs one. */
export function countsOf(segment: { deliveries: DeliveryCounts | undefined }): DeliveryCounts {
  segment.deliveries ??= new DeliveryCounts()
  return segment.deliveries
}

class Runs {
  readonly all: { first: number; count: number; times: number }[] = []

  add(index: number, count: number): void {
    const times = Math.min(count, KEPT_MAX)
    const last = this.all.at(-1)
    if (last?.times === times && last.first + last.count === index) last.count++
    else this.all.push({ first: index, count: 1, times })
  }
}
