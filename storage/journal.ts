/** What makes changes durable, many at a time. */
export interface Journal {
  /** Counts durable messages that were staged: it changes exactly when a commit has to be waited for. */
  readonly stagedCount: number
  /** How many commits have begun: what is staged now is in the next one. */
  readonly commitsBegun: number
  /** More is staged than the disk keeps up with: publishers should wait. */
  readonly isCongested: boolean
  /** Why nothing can be committed at the moment, in plain words; undefined when all is well. */
  readonly trouble: string | undefined
  /**
   * Calls back when everything staged so far is durable; at once when nothing is waiting. `whenLost` is called instead when
   * the storage has ended and it will never be.
   */
  whenDurable(callback: () => void, whenLost?: () => void): void
  /**
   * What is staged from now on is in one commit: the next one does not begin before the function that this returns is
   * called. Undefined when another one holds it already. A journal may leave it out: then what belongs together is staged in one turn.
   */
  holdCommits?(): (() => void) | undefined
  /** Stages an entity. */
  put(kind: number, key: string, value: Uint8Array): void
  remove(kind: number, key: string): void
  /** Told when congestion or trouble begins or ends. Returns a function that ends the subscription. */
  onChange(listener: () => void): () => void
}

/** The journal of a storage that keeps nothing: everything is as durable as it will ever be. */
export const NO_JOURNAL: Journal = {
  stagedCount: 0,
  commitsBegun: 0,
  isCongested: false,
  trouble: undefined,
  whenDurable: (callback) => callback(),
  put: () => {},
  remove: () => {},
  onChange: () => () => {},
}
