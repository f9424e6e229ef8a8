import type { ServerResponse } from 'node:http'
import { Pacer } from '../../lib/pacer.ts'
import type { Piece } from './exposition.ts'

/** An answer has so long to be read. */
const SEND_MS_MAX = 30_000
/** Short pieces go together. */
const GATHERED_CHARACTERS = 16 * 1024

/**
 * Sends a text piece by piece, and serves others in between. A piece may lie in memory that the next one is written to: that is asked for
 * only when the system has taken this one. Resolves when all is sent, the client has gone, or it takes too long.
 */
export async function sendText(
  answer: ServerResponse,
  headers: Readonly<Record<string, string>>,
  pieces: Iterable<Piece>,
): Promise<void> {
  const sender = new TextSender(answer)
  try {
    answer.writeHead(200, headers)
    for (const piece of pieces) {
      await sender.send(piece)
      if (sender.isGone) break
    }
    await sender.end()
  } catch (error) {
    answer.destroy()
    throw error
  } finally {
    sender.over()
  }
}

class TextSender {
  isGone = false
  readonly #answer: ServerResponse
  readonly #pacer = new Pacer()
  readonly #timer: NodeJS.Timeout
  #gathered = ''
  /** Called when what is on its way was taken, or the client has gone. */
  #goOn = (): void => {}

  constructor(answer: ServerResponse) {
    this.#answer = answer
    const gone = (): void => {
      this.isGone = true
      this.#goOn()
    }
    this.isGone = answer.destroyed
    this.#timer = setTimeout(() => {
      answer.destroy()
      gone()
    }, SEND_MS_MAX).unref()
    answer.once('close', gone)
  }

  async send(piece: Piece): Promise<void> {
    if (typeof piece === 'string') {
      this.#gathered += piece
      if (this.#gathered.length >= GATHERED_CHARACTERS) await this.#flush()
      return
    }
    await this.#flush()
    await this.#write(piece)
  }

  async end(): Promise<void> {
    await this.#flush()
    if (!this.isGone) this.#answer.end()
  }

  over(): void {
    clearTimeout(this.#timer)
  }

  async #flush(): Promise<void> {
    if (this.#gathered === '') return
    const bytes = Buffer.from(this.#gathered)
    this.#gathered = ''
    await this.#write(bytes)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.isGone) return
    await new Promise<void>((resolve) => {
      this.#goOn = resolve
      this.#answer.write(bytes, () => resolve())
    })
    // A fast reader takes each piece at once, and would not let others in between.
    if (this.#pacer.isLate) await this.#pacer.rest()
  }
}
