/** Reads the header of the PROXY protocol off a socket that nothing has been read from. */
import type { Socket } from 'node:net'
import { PROXY_HEADER_BYTES_MAX, type ProxySource, parseProxyHeader } from './proxy-header.ts'

export interface ProxyReading {
  /** `rest`: what was read behind the header. What comes next is for the part that reads the socket from now on. */
  readonly found: (source: ProxySource, rest: Buffer) => void
  readonly malformed: () => void
}

export function readProxyHeader(socket: Socket, { found, malformed }: ProxyReading): void {
  let bytes: Buffer = Buffer.alloc(0)
  const look = (): void => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const header = parseProxyHeader(bytes)
    if (header.state === 'incomplete' && bytes.length < PROXY_HEADER_BYTES_MAX) return
    socket.off('readable', look)
    if (header.state === 'complete') found(header.source, bytes.subarray(header.bytes))
    else malformed()
  }
  socket.on('readable', look)
}
