/** A record by itself, for storages that keep every message apart: key, header and body behind its prefix, nothing beside. */
import { Block } from '../src/lib/block.ts'
import {
  EXTENSION_LENGTH_BYTES,
  RECORD_BODY_BESIDE,
  RECORD_DURABLE,
  RECORD_EXTENDED,
  RECORD_PREFIX_BYTES,
  type RecordSource,
} from './record.ts'
import type { Segment } from './segment.ts'

/** A copy of a record, its body included wherever it lies. */
export function copyRecord(segment: Segment, index: number): Buffer {
  const { bytes } = segment.block
  const start = segment.recordStart(index)
  const record = bytes.subarray(start, segment.recordEnd(index))
  const body = segment.bodies?.at(index)
  const bodyStart = segment.bodyStart(index) - start
  const parts = [record.subarray(0, bodyStart), ...(body === undefined ? [] : [body.bytes]), record.subarray(bodyStart)]
  const copy = Buffer.concat(parts)
  copy.writeUInt16BE(copy.readUInt16BE(2) & ~RECORD_BODY_BESIDE, 2)
  return copy
}

/** What `copyRecord` has made, to be appended again. The caller writes to the bytes no more. */
export function recordSource(bytes: Buffer): RecordSource {
  const block = new Block(bytes)
  const keyEnd = RECORD_PREFIX_BYTES + bytes.readUInt16BE(0)
  const headerEnd = keyEnd + bytes.readUInt32BE(4)
  const bodyEnd = headerEnd + bytes.readUInt32BE(8)
  const flags = bytes.readUInt16BE(2)
  return {
    head: block,
    keyStart: RECORD_PREFIX_BYTES,
    keyEnd,
    headerStart: keyEnd,
    headerEnd,
    body: block,
    bodyStart: headerEnd,
    bodyEnd,
    isDurable: (flags & RECORD_DURABLE) !== 0,
    extension: (flags & RECORD_EXTENDED) === 0 ? undefined : bytes.subarray(bodyEnd + EXTENSION_LENGTH_BYTES),
    ownBody: () => new Block(bytes.subarray(headerEnd, bodyEnd)),
  }
}
