import { Block } from '../../src/lib/block.ts'
import type { RecordSource } from '../../storage/record.ts'
import { RECORD_PREFIX_BYTES } from '../../storage/record.ts'
import type { Segment } from '../../storage/segment.ts'

export interface Parts {
  readonly key: Buffer
  readonly header: Buffer
  readonly body: Buffer
}

/** A message whose parts lie in one block with other bytes around them, as they come from a socket. */
export function source({ key, header, body }: Parts): RecordSource {
  const block = new Block(Buffer.concat([Buffer.from('..'), key, Buffer.from('.'), header, Buffer.from('...'), body]))
  const keyEnd = 2 + key.length
  const headerEnd = keyEnd + 1 + header.length
  const bodyStart = headerEnd + 3
  return {
    head: block,
    keyStart: 2,
    keyEnd,
    headerStart: keyEnd + 1,
    headerEnd,
    body: block,
    bodyStart,
    bodyEnd: block.size,
    isDurable: false,
    ownBody: () => new Block(Buffer.from(body)),
  }
}

/** A message that can be told from all others: its number is in each part, its body is that long. */
export function numbered(number: number, bodyBytes: number): Parts {
  const digits = String(number)
  return {
    key: Buffer.from(`k${digits}`),
    header: Buffer.from(`header ${digits}`),
    body: Buffer.alloc(bodyBytes, `${digits};`),
  }
}

/** The parts of a record as they lie in its segment. */
export function stored(segment: Segment, index: number): Parts {
  const { bytes, view } = segment.block
  const start = segment.recordStart(index)
  const keyStart = start + RECORD_PREFIX_BYTES
  const headerStart = keyStart + view.getUint16(start)
  const bodyStart = headerStart + view.getUint32(start + 4)
  const beside = segment.bodies?.at(index)
  return {
    key: Buffer.from(bytes.subarray(keyStart, headerStart)),
    header: Buffer.from(bytes.subarray(headerStart, bodyStart)),
    body: Buffer.from(beside?.bytes ?? bytes.subarray(bodyStart, segment.bodyEnd(index))),
  }
}
