/**
 * Thrown by an operation that has to wait: it is not known yet whether a permission is given that it needs, or what had a name before
 * is still being cleared up. Nothing has changed.
 */
export class Undecided {
  /** It may be carried out again then. Never rejects. */
  readonly settled: Promise<unknown>

  constructor(settled: Promise<unknown>) {
    this.settled = settled
  }
}
