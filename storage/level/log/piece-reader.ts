/** Reads pieces of a log file that lie here and there: neighbours in one go. */
import { crc32 } from 'node:zlib'
import type { LogFiles } from './log-files.ts'
import { isDamage } from './page-reader.ts'
import type { PlacedBytes } from './stored-segment.ts'

/** What lies between two pieces is read and thrown away when it is shorter. */
const GAP_BYTES_MAX = 4096
/** So much is read in one go, or one piece. */
const RANGE_BYTES_MAX = 1024 * 1024

interface Range {
  readonly offset: number
  end: number
  readonly pieces: PlacedBytes[]
}

/** The bytes of each piece; what is not as it was written, or cannot be read, is not among them. */
export async function readPieces(
  logs: LogFiles,
  file: number,
  pieces: Iterable<PlacedBytes>,
): Promise<Map<PlacedBytes, Buffer>> {
  const found = new Map<PlacedBytes, Buffer>()
  for (const range of rangesOf(pieces)) {
    const bytes = await readBytes(logs, file, range.offset, range.end)
    for (const piece of range.pieces) {
      const start = piece.offset - range.offset
      const end = piece.offset + piece.bytes
      // Where something in between cannot be read, each has to be tried by itself.
      const own = bytes?.subarray(start, start + piece.bytes) ?? (await readBytes(logs, file, piece.offset, end))
      if (own !== undefined && crc32(own) === piece.crc) found.set(piece, own)
    }
  }
  return found
}

function rangesOf(pieces: Iterable<PlacedBytes>): Range[] {
  const ranges: Range[] = []
  let range: Range | undefined
  for (const piece of [...pieces].sort((a, b) => a.offset - b.offset)) {
    const { offset } = piece
    const end = Math.max(range?.end ?? 0, offset + piece.bytes)
    if (range === undefined || offset - range.end > GAP_BYTES_MAX || end - range.offset > RANGE_BYTES_MAX) {
      range = { offset, end: offset + piece.bytes, pieces: [piece] }
      ranges.push(range)
    } else {
      range.pieces.push(piece)
      range.end = end
    }
  }
  return ranges
}

async function readBytes(logs: LogFiles, file: number, start: number, end: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(end - start)
  try {
    await logs.read(file, bytes, start)
    return bytes
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}
