/**
 * Where a connection reads to next, when that is not the buffer that all of them share: the rest of a large body frame is
 * read into the body itself, together with the end of the frame and the header of the next one, which the next frame's
 * bytes then overwrite, or with the beginning of the next publish.
 */
import { type Block, EMPTY_BLOCK } from '../lib/block.ts'

export class ReadPlace {
  /** The memory of the body, and where in it is read to. */
  memory: Block = EMPTY_BLOCK
  start = 0
  target: Buffer = EMPTY_BLOCK.bytes
  /** The body, which is held while anything may be read into it. */
  #body: Block | undefined

  get isSet(): boolean {
    return this.#body !== undefined
  }

  set(body: Block, start: number, end: number): void {
    if (body !== this.#body) {
      this.clear()
      body.hold()
      this.#body = body
      this.memory = body.memory ?? body
    }
    this.start = start
    this.target = this.memory.bytes.subarray(start, end)
  }

  /** Nothing is read to it any more. */
  clear(): void {
    this.#body?.release()
    this.#body = undefined
    this.memory = EMPTY_BLOCK
    this.target = EMPTY_BLOCK.bytes
  }
}
