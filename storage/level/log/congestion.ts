/** Whether publishers have to wait: more is on its way to the disk than should be, or something keeps it from getting there. */
import { type TroubleOf, Troubles } from './troubles.ts'

/** Staged bytes from which on publishers should wait. */
const CONGESTED_BYTES = 32 * 1024 * 1024

export class Congestion {
  #stagedBytes = 0
  #committingBytes = 0
  #isCatalogueBehind = false
  #isFailed = false
  readonly #troubles: Troubles
  readonly #onChange: () => void

  /** `onChange` is called when publishers have to wait, or need not any more, and when the first trouble is another one. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
    this.#troubles = new Troubles(onChange)
  }

  get isCongested(): boolean {
    return this.#areMany || this.#isHeldUp
  }

  get trouble(): string | undefined {
    return this.#troubles.first
  }

  get troubleBesidesRoom(): string | undefined {
    return this.#troubles.besidesRoom
  }

  setTrouble(of: TroubleOf, text: string | undefined): void {
    if (of !== 'log' || !this.#isFailed) this.#troubles.set(of, text)
  }

  /** Something went wrong that cannot be put right while the broker runs. */
  fail(text: string): void {
    this.#isFailed = true
    this.#troubles.set('log', text)
  }

  catalogueBehind(isBehind: boolean): void {
    if (this.#isCatalogueBehind === isBehind) return
    this.#isCatalogueBehind = isBehind
    this.#onChange()
  }

  staged(bytes: number): void {
    const wereMany = this.#areMany
    this.#stagedBytes += bytes
    if (this.#areMany && !wereMany && !this.#isHeldUp) this.#onChange()
  }

  /** A commit begins: all that is staged is in it. */
  commitBegins(): void {
    this.#committingBytes = this.#stagedBytes
    this.#stagedBytes = 0
  }

  /** True when publishers need not wait any more; `onChange` is not called. */
  commitEnds(): boolean {
    const wasCongested = this.isCongested
    this.#committingBytes = 0
    return wasCongested && !this.isCongested
  }

  /** More bytes are on their way to the disk than should be. */
  get #areMany(): boolean {
    return this.#stagedBytes + this.#committingBytes > CONGESTED_BYTES
  }

  get #isHeldUp(): boolean {
    return this.#isCatalogueBehind || this.trouble !== undefined
  }
}
