import { Pacer } from '../../lib/pacer.ts'

/** An answer has so long to be read. */
const SEND_MS_MAX = 30_000
/** Pieces that are handed over at once, however fast they are made: as many wait in memory. */
const PIECES_MAX = 16

/**
 * As a stream: others are served between its pieces. One is as long as what can be written in a turn: with busy connections a turn of the
 * event loop takes much longer than the text of a few lines. `over` is called when all is sent, the client has gone, or it takes too long.
 */
export function streamOf(pieces: Iterable<string>, over: () => void): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.iterator]()
  const pacer = new Pacer()
  let timer: NodeJS.Timeout | undefined
  const end = (): void => {
    clearTimeout(timer)
    over()
  }
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const tooLate = (): void => {
        controller.error(new Error('the client does not read'))
        over()
      }
      timer = setTimeout(tooLate, SEND_MS_MAX).unref()
    },
    cancel: end,
    async pull(controller) {
      // A fast reader takes each piece at once, and would not let others in between.
      await pacer.rest()
      try {
        if (!handOver(iterator, pacer, controller)) return
        controller.close()
      } catch (error) {
        controller.error(error)
      }
      end()
    },
  })
}

/** As much as fits into a turn. True when that was all. */
function handOver(
  pieces: Iterator<string>,
  pacer: Pacer,
  controller: ReadableStreamDefaultController<Uint8Array>,
): boolean {
  for (let count = 0; count < PIECES_MAX; count++) {
    const { done, value } = pieces.next()
    if (done === true) return true
    // For text as long as this, Buffer is much faster than TextEncoder.
    controller.enqueue(Buffer.from(value))
    if (pacer.isLate) break
  }
  return false
}
