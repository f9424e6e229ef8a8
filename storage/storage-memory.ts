/** What a storage knows of its memory beside the messages. `SegmentPool` is one. */
export interface StorageMemory {
  /** Bytes that nothing is in and that only more of the same can use. */
  readonly slackBytes: number
  /** Bytes that are free and were not given back to the system yet. */
  readonly freeBytes: number
  /** Bytes of array buffers that are there on purpose: all that V8 has beside these may be garbage. */
  readonly bufferBytes: number
  /** Bytes of these that were never written to: the system has given no memory for them yet. */
  readonly untouchedBytes: number
  /** What messages take may grow by so many bytes from now on: the less that is, the smaller should be what they are kept in. */
  setRoom(bytes: number): void
  /** Gives free memory back to the system, so many bytes if there are so many. */
  release(bytes: number): void
}
