/**
 * Reading from an accepted socket into memory of ours, without an allocation for each read. Node.js offers that (`onread`) for
 * outgoing sockets only. What it takes for others is not public, and is looked for before it is used: where it is not found, the
 * caller reads by 'data' events.
 */
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** As Node.js names them. */
export interface Reader {
  /** Where the next bytes are read to. */
  readonly buffer: () => Buffer
  /** So many bytes are there; false stops reading. */
  readonly callback: (bytes: number) => boolean
}

/** With encryption, or over a WebSocket, it says only in a later turn what it has taken. */
export function isSlowToTell(stream: Duplex): boolean {
  return stream instanceof Duplex && !isPlainSocket(stream)
}

/** Not one with encryption or a WebSocket, whose classes are others. */
function isPlainSocket(stream: Duplex): boolean {
  return stream.constructor === Socket
}

/** The parts of a socket that are not public but have been there since Node 12. */
interface SocketWithHandle {
  _handle: (object & { useUserBuffer?(buffer: Buffer): void }) | null
}

/** The accepted socket's handle in a socket that reads by the reader. Undefined where it cannot be done. */
export function readDirectly(accepted: Duplex, onread: Reader): Socket | undefined {
  const inner = accepted as unknown as SocketWithHandle
  // On Windows the kernel may write to the buffer at any time, so connections cannot share one.
  if (process.platform === 'win32' || inner._handle === null || !isPlainSocket(accepted)) return undefined
  const handle = inner._handle
  inner._handle = null
  accepted.destroy() // it has no handle any more: this only takes it off the server's count
  // The options of the constructor, as typed, lack the two that it is called with by net.createServer and net.connect.
  const options = { handle, onread, allowHalfOpen: false }
  return new Socket(options as ConstructorParameters<typeof Socket>[0])
}

/** Where a socket keeps its reader: symbols that Node.js does not export. */
const READER_PARTS = ['kBuffer', 'kBufferGen', 'kBufferCb'] as const

/**
 * Has an encrypted socket read by the reader. A handle cannot be moved to another socket here, since the one around it knows about
 * its encryption. Returns what the socket has read before; undefined where it cannot be done.
 */
export function readDecrypted(socket: Duplex, { buffer, callback }: Reader): Buffer | undefined {
  const { _handle: handle } = socket as unknown as SocketWithHandle
  if (!(socket instanceof Socket) || isPlainSocket(socket) || typeof handle?.useUserBuffer !== 'function')
    return undefined
  const symbols = Object.getOwnPropertySymbols(socket)
  const [first, next, tell] = READER_PARTS.map((name) => symbols.find(({ description }) => description === name))
  if (first === undefined || next === undefined || tell === undefined) return undefined
  const read: Buffer[] = []
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) read.push(chunk)
  handle.useUserBuffer(buffer())
  Object.assign(socket, { [first]: buffer(), [next]: buffer, [tell]: callback })
  return Buffer.concat(read)
}
