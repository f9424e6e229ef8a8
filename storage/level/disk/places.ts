/** Where messages lie on the disk. */

/** Bytes on the disk, and what their CRC-32 must be. */
export interface PlacedBytes {
  readonly offset: number
  readonly bytes: number
  readonly crc: number
}

/** A run of records in a log file, or in the catalogue when its log file had to go. */
export interface Page extends PlacedBytes {
  /** Number of the log file; 0 for the catalogue, where `offset` is the number of the entry. */
  readonly file: number
  readonly first: number
  readonly count: number
  readonly bodies: readonly StoredBody[]
}

/** A large body, in the same file as its page. */
export interface StoredBody extends PlacedBytes {
  readonly index: number
}
