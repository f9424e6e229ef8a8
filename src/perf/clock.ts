// process.hrtime counts from the same moment in all processes of a machine, but makes an array or a bigint per call.
// performance.now is cheap, but counts from the start of its process. The difference between the two is constant.

const NS_PER_US = 1000n
const TRIES = 16

/** Microseconds on the monotonic clock that all processes of this machine share. */
export class SharedClock {
  readonly #offsetUs: number

  constructor() {
    let narrowestNs = Number.POSITIVE_INFINITY
    let offsetUs = 0
    for (let i = 0; i < TRIES; i++) {
      const beforeNs = process.hrtime.bigint()
      const ownUs = performance.now() * 1000
      const widthNs = Number(process.hrtime.bigint() - beforeNs)
      if (widthNs >= narrowestNs) continue
      narrowestNs = widthNs
      offsetUs = Number(beforeNs / NS_PER_US) + (Number(beforeNs % NS_PER_US) + widthNs / 2) / 1000 - ownUs
    }
    this.#offsetUs = offsetUs
  }

  nowUs(): number {
    return performance.now() * 1000 + this.#offsetUs
  }
}
