import { PROTOCOL_HEADER } from '../../protocol/constants.ts'
import type { Block } from '../lib/block.ts'

/** Ours, and two that old clients send for the same protocol. */
const KNOWN_HEADERS: readonly Uint8Array[] = [
  PROTOCOL_HEADER,
  Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 1, 1, 0, 9),
  Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 1, 1, 9, 1),
]

/** Whether a connection starts with a protocol header that we speak; undefined while it cannot be told yet. */
export function isOurProtocol(block: Block, start: number, end: number): boolean | undefined {
  const length = Math.min(8, end - start)
  const received = block.bytes.subarray(start, start + length)
  const isPrefix = KNOWN_HEADERS.some((header) => received.equals(header.subarray(0, length)))
  if (!isPrefix) return false
  return length === 8 ? true : undefined
}
