import { connect, type Socket } from 'node:net'
import { Random } from '../malice/random.ts'
import { type Attack, mutate, type Session } from './mutations.ts'

const PATIENCE_MS = 200

export interface Outcome {
  readonly attack: Attack
  readonly bytesReceived: number
  /** Whether the broker itself ended the connection. */
  readonly isRefused: boolean
  readonly hasInternalError: boolean
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** The bytes in pieces of any size, as one write each, with a rest now and then so that answers can arrive. */
async function send(socket: Socket, pieces: readonly Buffer[], random: Random): Promise<void> {
  const isByteByByte = random.onceIn(30)
  for (let at = 0; at < pieces.length && !socket.destroyed; ) {
    const next = at + 1 + (random.onceIn(3) ? 0 : random.below(8))
    let bytes = Buffer.concat(pieces.slice(at, next))
    at = next
    while (bytes.length > 0 && !socket.destroyed) {
      const length =
        isByteByByte && bytes.length < 500 ? 1 : random.onceIn(4) ? 1 + random.below(bytes.length) : bytes.length
      socket.write(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
      if (random.onceIn(2)) await turn()
    }
    if (random.onceIn(8)) await pause(1 + random.below(4))
  }
}

/** Attack number so-and-so of a run: the same bytes for the same seed, number and sessions. */
export async function attackBroker(
  broker: { readonly host: string; readonly port: number },
  sessions: readonly Session[],
  seed: number,
  number: number,
): Promise<Outcome> {
  const random = new Random(Math.imul(seed, 0x9e37_79b1) + number)
  const attack = mutate(sessions, random)
  const socket = connect(broker.port, broker.host)
  const received: Buffer[] = []
  let bytesReceived = 0
  let isRefused = false
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    bytesReceived += chunk.length
    if (bytesReceived < 1_000_000) received.push(chunk)
  })
  socket.on('end', () => {
    isRefused = true
  })
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', () => resolve())
  })
  if (random.onceIn(10)) socket.pause()
  await send(socket, attack.pieces, random)
  // A reset makes the system throw away what the broker has not read yet: mostly it gets the time to.
  if (!random.onceIn(10)) await pause(5 + random.below(20))
  const ending = random.below(4)
  if (ending === 0) socket.resetAndDestroy()
  else if (ending === 1) socket.end()
  await Promise.race([closed, pause(ending === 2 ? random.below(20) : PATIENCE_MS)])
  socket.destroy()
  await closed
  const hasInternalError = Buffer.concat(received).includes('internal error')
  return { attack, bytesReceived, isRefused, hasInternalError }
}
