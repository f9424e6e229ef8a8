/**
 * A WebSocket as a stream of bytes: what its messages hold is joined, and where they begin and end means nothing. What is
 * written at once leaves as one message.
 */
import { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'

/** RFC 6455: it got data of a kind that it does not take. */
const UNSUPPORTED_DATA = 1003
const READ_AHEAD_BYTES = 64 * 1024

/** `below`: the socket that the WebSocket goes over. */
export function webSocketStream(socket: WebSocket, below: Duplex): Duplex {
  /** The client may be closing it: what is written then is lost, as with a socket that is closed. */
  const isOpen = (written: () => void): boolean => {
    if (socket.readyState === socket.OPEN) return true
    written()
    stream.destroy()
    return false
  }
  const stream = new Duplex({
    readableHighWaterMark: READ_AHEAD_BYTES,
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, written) => {
      if (isOpen(written)) socket.send(chunk, written)
    },
    writev: (chunks, written) => {
      if (!isOpen(written)) return
      const last = chunks.length - 1
      for (const [at, { chunk }] of chunks.entries()) {
        if (at === last) socket.send(chunk, written)
        else socket.send(chunk, { fin: false }, ignore)
      }
    },
    final: (ended) => {
      socket.close()
      ended()
    },
    destroy: (error, destroyed) => {
      socket.terminate()
      destroyed(error)
    },
  })
  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (socket.readyState !== socket.OPEN) return
    if (!isBinary) socket.close(UNSUPPORTED_DATA)
    else if (!stream.push(data)) socket.pause()
  })
  // A client that sends pings and reads nothing would have the answers pile up.
  socket.on('ping', (data) => {
    if (below.writableLength === 0) socket.pong(data, undefined, ignore)
  })
  socket.on('error', (error) => stream.destroy(error))
  socket.on('close', () => stream.push(null))
  showHandle(stream, below)
  return stream
}

function ignore(): void {}

/** How much the system has not taken yet is told by the socket below. */
function showHandle(stream: Duplex, below: Duplex): void {
  Object.defineProperty(stream, '_handle', { get: () => (below as unknown as { readonly _handle?: object })._handle })
}
