/** The content of a file of a backup on its way: what the manifest says of the file is known when all of it has gone by. */
import { crc32 } from 'node:zlib'
import type { ManifestFile } from './backup-manifest.ts'

export class CountedContent<P extends Uint8Array> implements AsyncIterable<P> {
  readonly #pieces: Iterable<P> | AsyncIterable<P>
  #bytes = 0
  #crc = 0

  constructor(pieces: Iterable<P> | AsyncIterable<P>) {
    this.#pieces = pieces
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<P> {
    for await (const piece of this.#pieces) {
      this.#bytes += piece.length
      this.#crc = crc32(piece, this.#crc)
      yield piece
    }
  }

  /** The file with this name, of so much content as has gone by. */
  as(name: string): ManifestFile {
    return { name, bytes: this.#bytes, crc32: this.#crc }
  }
}
