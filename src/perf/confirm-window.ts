/** Which publishes the broker has yet to confirm. Delivery tags count from 1; confirms may come in any order. */
export class ConfirmWindow {
  readonly #size: number
  readonly #mask: number
  readonly #isSettled: Uint8Array
  readonly #sentAtUs: Float64Array | undefined
  #sent = 0
  /** Every tag below this one is settled. */
  #lowest = 1

  constructor(size: number, withTimes: boolean) {
    const ring = 2 ** Math.ceil(Math.log2(Math.max(2, size)))
    this.#size = size
    this.#mask = ring - 1
    this.#isSettled = new Uint8Array(ring)
    this.#sentAtUs = withTimes ? new Float64Array(ring) : undefined
  }

  /** How many more may be sent now. */
  get room(): number {
    return this.#size - this.unsettled
  }

  /** From the oldest publish without a confirm to the newest publish. */
  get unsettled(): number {
    return this.#sent - this.#lowest + 1
  }

  addSent(count: number, nowUs: number): void {
    const times = this.#sentAtUs
    for (let tag = this.#sent + 1; tag <= this.#sent + count; tag++) {
      this.#isSettled[tag & this.#mask] = 0
      if (times !== undefined) times[tag & this.#mask] = nowUs
    }
    this.#sent += count
  }

  /** Returns how many publishes this confirm is the first for. Tells `onTime` when each was sent, if times are kept. */
  settle(tag: number, isMultiple: boolean, onTime: (sentAtUs: number) => void): number {
    if (tag > this.#sent) return 0
    let settled = 0
    for (let each = isMultiple ? this.#lowest : tag; each <= tag; each++) {
      if (each < this.#lowest || this.#isSettled[each & this.#mask] === 1) continue
      this.#isSettled[each & this.#mask] = 1
      settled++
      if (this.#sentAtUs !== undefined) onTime(this.#sentAtUs[each & this.#mask] ?? 0)
    }
    while (this.#lowest <= this.#sent && this.#isSettled[this.#lowest & this.#mask] === 1) this.#lowest++
    return settled
  }
}
