import { deliveriesBefore, type Segment } from './segment.ts'

/** What was delivered before a restart, as far as the disk tells: everything in front of a place. */
export class DeliveredBefore {
  readonly #sequence: number
  readonly #index: number

  constructor(sequence: number, index: number) {
    this.#sequence = sequence
    this.#index = index
  }

  has({ sequence }: Segment, index: number): boolean {
    return sequence < this.#sequence || (sequence === this.#sequence && index < this.#index)
  }
}

/** How often the message was delivered, also when its return by the restart was not counted yet. */
export function deliveriesOf(segment: Segment, index: number, before: DeliveredBefore | undefined): number {
  return Math.max(deliveriesBefore(segment, index), before?.has(segment, index) === true ? 1 : 0)
}
