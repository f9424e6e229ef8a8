/**
 * How much of a WebSocket's message is held until it is whole. A client that has not logged in has nothing long to say; what the
 * others send counts with the memory of their connection.
 */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** What such a client has sent and not finished. */
const BYTES_MAX_BEFORE_LOGIN = 16 * 1024
/** A control frame has a header of two bytes, and a mask of four. */
const CONTROL_FRAME_BYTES = 6

/** The part of a WebSocket that is not public and tells how much of what has come belongs to no message yet that is whole. */
interface WithReceiver {
  readonly _receiver?: { readonly _bufferedBytes?: number }
}

function bufferedBytes(socket: WebSocket): number {
  return (socket as unknown as WithReceiver)._receiver?._bufferedBytes ?? 0
}

export class UnfinishedMessage {
  #bytes = 0
  #bytesMax = BYTES_MAX_BEFORE_LOGIN
  #tell: (bytes: number) => void = () => {}

  /** `below`: the socket that the WebSocket goes over. */
  constructor(socket: WebSocket, below: Duplex) {
    const count = (bytes: number): void => {
      this.#bytes += bytes
      this.#tell(bytes)
    }
    const controlled = (data: Buffer): void => count(-Math.min(this.#bytes, data.length + CONTROL_FRAME_BYTES))
    // Before the WebSocket, which may find the end of a message in there.
    below.prependListener('data', (chunk: Buffer) => {
      count(chunk.length)
      if (this.#bytes > this.#bytesMax) socket.terminate()
    })
    // The beginning of the next one may have come with its end.
    socket.on('message', () => count(bufferedBytes(socket) - this.#bytes))
    socket.on('ping', controlled)
    socket.on('pong', controlled)
    below.once('close', () => count(-this.#bytes))
  }

  /** Its messages may be as long as any from now on. */
  loggedIn(): void {
    this.#bytesMax = Number.POSITIVE_INFINITY
  }

  /** Has it told how many bytes more, or less, are held. */
  watch(tell: (bytes: number) => void): void {
    this.#tell = tell
    tell(this.#bytes)
  }
}
