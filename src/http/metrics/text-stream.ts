import type { UnderlyingSource } from 'node:stream/web'
import { collectYoungGarbage } from '../../lib/collect-garbage.ts'
import { Pacer } from '../../lib/pacer.ts'
import type { Piece } from './exposition.ts'

/** An answer has so long to be read. */
const SEND_MS_MAX = 30_000
/** Pieces that are handed over at once, however fast they are made: as many wait in memory. */
const PIECES_MAX = 16
/**
 * Pieces lie beside V8's heap, which hardly grows meanwhile, and so does not look for garbage. After so many bytes it is told to, and at
 * the end of an answer with very many pieces: otherwise `GarbageWatch` would have all of the heap looked through.
 */
const COLLECT_BYTES = 32 * 1024 * 1024
const MUCH_BYTES = 4 * 1024 * 1024

/**
 * As a stream: others are served between its pieces. One is as long as what can be written in a turn: with busy connections a turn of the
 * event loop takes much longer than the text of a few lines. `over` is called when all is sent, the client has gone, or it takes too long.
 */
export function streamOf(pieces: Iterable<Piece>, over: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream(new TextSource(pieces, over))
}

class TextSource implements UnderlyingSource<Uint8Array> {
  readonly #over: () => void
  readonly #pacer = new Pacer()
  /** Undefined once it is over: what the text is made of is garbage then. */
  #pieces: Iterator<Piece> | undefined
  #timer: NodeJS.Timeout | undefined
  #bytes = 0
  #collectAtBytes = COLLECT_BYTES

  constructor(pieces: Iterable<Piece>, over: () => void) {
    this.#pieces = pieces[Symbol.iterator]()
    this.#over = over
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const tooLate = (): void => {
      controller.error(new Error('the client does not read'))
      this.cancel()
    }
    this.#timer = setTimeout(tooLate, SEND_MS_MAX).unref()
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#pieces = undefined
    this.#over()
    // Once the last of it is written.
    if (this.#bytes >= MUCH_BYTES) setImmediate(collectYoungGarbage)
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    // A fast reader takes each piece at once, and would not let others in between.
    await this.#pacer.rest()
    if (this.#pieces === undefined) return
    try {
      if (!this.#handOver(this.#pieces, controller)) return
      controller.close()
    } catch (error) {
      controller.error(error)
    }
    this.cancel()
  }

  /** As much as fits into a turn. True when that was all. */
  #handOver(pieces: Iterator<Piece>, controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    for (let count = 0; count < PIECES_MAX; count++) {
      const { done, value } = pieces.next()
      if (done === true) return true
      // For text as long as this, Buffer is much faster than TextEncoder.
      const piece = typeof value === 'string' ? Buffer.from(value) : value
      controller.enqueue(piece)
      this.#bytes += piece.length
      if (this.#pacer.isLate) break
    }
    if (this.#bytes >= this.#collectAtBytes) {
      collectYoungGarbage()
      this.#collectAtBytes = this.#bytes + COLLECT_BYTES
    }
    return false
  }
}
