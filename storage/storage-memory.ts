/** What a storage knows of its memory beside the messages. `SegmentPool` is one. */
export interface StorageMemory {
  /** Bytes that nothing is in and that only more of the same can use. */
  readonly slackBytes: number
  /** Bytes that are free and were not given back to the system yet. */
  readonly freeBytes: number
  /** Bytes of array buffers that are there on purpose: all that V8 has beside these may be garbage. */
  readonly bufferBytes: number
  /** Gives free memory back to the system, so many bytes if there are so many. */
  release(bytes: number): void
}
