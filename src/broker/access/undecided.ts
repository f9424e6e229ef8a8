/** Thrown by an operation that needs a permission of which it is not known yet whether it is given. Nothing has changed. */
export class Undecided {
  /** It may be carried out again then. Never rejects. */
  readonly settled: Promise<unknown>

  constructor(settled: Promise<unknown>) {
    this.settled = settled
  }
}
