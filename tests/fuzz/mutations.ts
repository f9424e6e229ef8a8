import type { Random } from '../malice/random.ts'
import { methodFrameOf, publishFramesOf } from './generated.ts'

/** A recorded session: the protocol header, then frames. */
export interface Session {
  readonly name: string
  readonly pieces: readonly Buffer[]
}

/** Header, start-ok, tune-ok and open: what comes after them needs all of them whole to be looked at. */
const HANDSHAKE_PIECES = 4
const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xce, 0xfe, 0xff]
const SIZES = [0, 1, 4, 13, 14, 255, 4096, 8193, 131_064, 131_073, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

export function cutSession(name: string, stream: Buffer): Session {
  const pieces = [stream.subarray(0, 8)]
  for (let at = 8; at + 8 <= stream.length; ) {
    const end = at + 8 + stream.readUInt32BE(at + 3)
    pieces.push(stream.subarray(at, end))
    at = end
  }
  return { name, pieces }
}

type Mutation = (pieces: Buffer[], at: number, random: Random, sessions: readonly Session[]) => void

function changed(piece: Buffer, change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(piece)
  change(bytes)
  return bytes
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  flip: (pieces, at, random) => {
    pieces[at] = changed(pieces[at] as Buffer, (bytes) => {
      for (let i = random.below(8); i >= 0; i--) {
        const place = random.below(bytes.length)
        bytes[place] = (bytes[place] ?? 0) ^ (1 << random.below(8))
      }
    })
  },
  set: (pieces, at, random) => {
    pieces[at] = changed(pieces[at] as Buffer, (bytes) => {
      bytes[random.below(bytes.length)] = random.pick(INTERESTING)
    })
  },
  fill: (pieces, at, random) => {
    pieces[at] = changed(pieces[at] as Buffer, (bytes) => {
      const place = random.below(bytes.length)
      bytes.fill(random.pick(INTERESTING), place, Math.min(bytes.length, place + random.below(20)))
    })
  },
  truncate: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    pieces[at] = piece.subarray(0, random.below(piece.length))
  },
  cutShort: (pieces, at) => {
    pieces.length = at + 1
  },
  duplicate: (pieces, at, random) => {
    const copies = Array.from({ length: 1 + random.below(5) }, () => pieces.slice(at, at + 1 + random.below(4)))
    pieces.splice(at, 0, ...copies.flat())
  },
  repeat: (pieces, at, random) => {
    pieces.splice(at, 0, ...Array.from({ length: random.below(500) }, () => pieces[at] as Buffer))
  },
  remove: (pieces, at, random) => {
    pieces.splice(at, 1 + random.below(3))
  },
  swap: (pieces, at, random) => {
    const other = random.below(pieces.length)
    ;[pieces[at], pieces[other]] = [pieces[other] as Buffer, pieces[at] as Buffer]
  },
  splice: (pieces, at, random, sessions) => {
    const other = random.pick(sessions).pieces
    const from = random.below(other.length)
    pieces.splice(at, random.below(3), ...other.slice(from, from + 1 + random.below(20)))
  },
  frameSize: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    if (piece.length < 8) return
    pieces[at] = changed(piece, (bytes) => {
      const size = random.onceIn(2) ? random.pick(SIZES) : bytes.length - 8 + random.below(5) - 2
      bytes.writeUInt32BE(Math.max(0, size), 3)
    })
  },
  innerLength: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    if (piece.length < 20) return
    pieces[at] = changed(piece, (bytes) => bytes.writeUInt32BE(random.pick(SIZES), 7 + random.below(bytes.length - 12)))
  },
  channel: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    if (piece.length >= 8)
      pieces[at] = changed(piece, (bytes) => bytes.writeUInt16BE(random.pick([0, 1, 2, 3, 20, 2047, 65_535]), 1))
  },
  frameType: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    if (piece.length >= 8) pieces[at] = changed(piece, (bytes) => bytes.writeUInt8(random.pick([0, 1, 2, 3, 4, 8]), 0))
  },
  methodId: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    if (piece.length < 12) return
    pieces[at] = changed(piece, (bytes) => {
      bytes.writeUInt16BE(random.pick([10, 20, 30, 40, 50, 60, 85, 90]), 7)
      bytes.writeUInt16BE(random.pick([10, 11, 20, 21, 30, 40, 41, 50, 51, 60, 70, 80, 90, 100, 110, 120]), 9)
    })
  },
  grow: (pieces, at, random) => {
    const piece = pieces[at] as Buffer
    if (piece.length < 8) return
    const payload = Buffer.concat([piece.subarray(7, -1), random.bytes(1 + random.below(30))])
    const head = changed(piece.subarray(0, 7), (bytes) => bytes.writeUInt32BE(payload.length, 3))
    pieces[at] = Buffer.concat([head, payload, piece.subarray(-1)])
  },
  method: (pieces, at, random) => {
    pieces.splice(at, 0, ...Array.from({ length: 1 + random.below(6) }, () => methodFrameOf(random)))
  },
  publish: (pieces, at, random) => {
    pieces.splice(at, 0, ...Array.from({ length: 1 + random.below(6) }, () => publishFramesOf(random)).flat())
  },
  noise: (pieces, at, random) => {
    pieces.splice(at, 0, random.bytes(random.below(100)))
  },
}

export interface Attack {
  readonly name: string
  readonly pieces: readonly Buffer[]
}

/** A session with one to four mutations; most leave the login alone, so that the broker listens to what follows. */
export function mutate(sessions: readonly Session[], random: Random): Attack {
  const session = random.pick(sessions)
  const pieces = [...session.pieces]
  const names: string[] = []
  const spared = random.onceIn(4) ? 0 : HANDSHAKE_PIECES
  for (let i = random.below(4); i >= 0; i--) {
    const count = pieces.length - spared
    if (count <= 0) break
    const name = random.onceIn(3) ? random.pick(['method', 'publish']) : random.pick(Object.keys(MUTATIONS))
    const at = spared + random.below(count)
    names.push(`${name}@${at}`)
    if ((pieces[at] as Buffer).length > 0) MUTATIONS[name]?.(pieces, at, random, sessions)
  }
  return { name: `${session.name} ${names.join(' ')}`, pieces }
}
