/**
 * Publisher confirms of one channel. Publishes are numbered from 1; what is confirmed gathers until the input at hand is
 * used up and is then told in one cumulative ack.
 */
export class Confirms {
  #published = 0
  #told = 0

  /** Numbers one more publish. In memory it is safe as soon as it is enqueued. */
  add(): void {
    this.#published++
  }

  get hasNews(): boolean {
    return this.#published > this.#told
  }

  /** Calls `ack` with the highest confirmed number, if there is one that was not told yet. */
  tell(ack: (sequence: number, isMultiple: boolean) => void): void {
    const count = this.#published - this.#told
    if (count === 0) return
    this.#told = this.#published
    ack(this.#published, count > 1)
  }
}
