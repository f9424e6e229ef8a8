/**
 * A message on its way from a publisher to queues: where its three parts lie. The key is the exchange and the routing
 * key of basic.publish as two short strings, the header is the payload of the content header frame, exactly as the
 * publisher encoded them. One object is reused for every message of a publisher.
 */
import { decodeContentHeader, encodeContentHeader, type Properties } from '../../../protocol/properties.ts'
import { checkNameBytes, shortstrText } from '../../../protocol/short-string.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { Segment } from '../../../storage/segment.ts'
import { allocateBlock, Block, copyBytes, EMPTY_BLOCK } from '../../lib/block.ts'
import type { BodyPool } from '../../lib/body-pool.ts'

const FLAGS_OFFSET = 12

export class Message implements RecordSource {
  head: Block = EMPTY_BLOCK
  keyStart = 0
  keyEnd = 0
  headerStart = 0
  headerEnd = 0
  body: Block = EMPTY_BLOCK
  bodyStart = 0
  bodyEnd = 0
  isDurable = false
  extension: Uint8Array | undefined
  readonly #bodies: BodyPool | undefined
  /** The body as a block of its own, once it has one. The message holds it. */
  #ownedBody: Block | undefined
  #properties: Properties | undefined

  /** Copies of bodies are taken from the pool, if there is one. */
  constructor(bodies?: BodyPool) {
    this.#bodies = bodies
  }

  /** Points to a message whose parts all lie in one block that will be reused. */
  setInPlace(block: Block, keyStart: number, keyEnd: number, headerStart: number, headerEnd: number): void {
    this.head = block
    this.body = block
    this.keyStart = keyStart
    this.keyEnd = keyEnd
    this.headerStart = headerStart
    this.headerEnd = headerEnd
    this.extension = undefined
    this.#ownedBody = undefined
    this.#properties = undefined
  }

  /** Points to a stored message: until the queue it is in changes. */
  setStored(segment: Segment, index: number): void {
    const headerStart = segment.headerStart(index)
    const bodyStart = segment.bodyStart(index)
    this.setInPlace(segment.block, segment.keyStart(index), headerStart, headerStart, bodyStart)
    this.bodyStart = bodyStart
    this.bodyEnd = segment.bodyEnd(index)
    this.isDurable = segment.isRecordDurable(index)
    const beside = segment.bodies?.at(index)
    if (beside === undefined) return
    beside.hold()
    this.setOwnBody(beside)
  }

  /** Gives the message a body in a block of its own, which is held for it. */
  setOwnBody(body: Block): void {
    this.body = body
    this.bodyStart = 0
    this.bodyEnd = body.size
    this.#ownedBody = body
  }

  ownBody(): Block {
    if (this.#ownedBody === undefined) {
      const bodyBytes = this.bodyEnd - this.bodyStart
      const owned = this.#bodies?.take(bodyBytes) ?? allocateBlock(bodyBytes)
      copyBytes(owned, 0, this.body, this.bodyStart, this.bodyEnd)
      this.#ownedBody = owned
    }
    return this.#ownedBody
  }

  /** Releases what the message lies in: it must not be used any more until it is set again. */
  release(): void {
    this.#ownedBody?.release()
    this.#ownedBody = undefined
    this.head = this.body = EMPTY_BLOCK
  }

  /** Its properties, which must be well-formed. They are decoded once, when they are asked for. */
  get properties(): Properties {
    this.#properties ??= decodeContentHeader(this.head.bytes, this.headerStart, this.headerEnd).properties
    return this.#properties
  }

  get propertyFlags(): number {
    return this.head.view.getUint16(this.headerStart + FLAGS_OFFSET)
  }

  get exchange(): string {
    return shortString(this.head, this.keyStart)
  }

  get routingKey(): string {
    return shortString(this.head, this.keyStart + 1 + this.head.view.getUint8(this.keyStart))
  }

  get bodyBytes(): number {
    return this.bodyEnd - this.bodyStart
  }

  /** A copy that outlives the block this message lies in. It holds its body. */
  copy(): Message {
    const keyBytes = this.keyEnd - this.keyStart
    const headerBytes = this.headerEnd - this.headerStart
    const head = allocateBlock(keyBytes + headerBytes)
    copyBytes(head, 0, this.head, this.keyStart, this.keyEnd)
    copyBytes(head, keyBytes, this.head, this.headerStart, this.headerEnd)
    const copy = new Message()
    copy.setInPlace(head, 0, keyBytes, keyBytes, head.size)
    const body = this.ownBody()
    body.hold()
    copy.setOwnBody(body)
    copy.isDurable = this.isDurable
    copy.#properties = this.#properties
    copy.extension = this.extension
    return copy
  }

  /** The same message with other properties. */
  withProperties(properties: Properties): Message {
    const header = encodeContentHeader(this.bodyBytes, properties)
    const keyBytes = this.keyEnd - this.keyStart
    const head = allocateBlock(keyBytes + header.length)
    copyBytes(head, 0, this.head, this.keyStart, this.keyEnd)
    head.bytes.set(header, keyBytes)
    const changed = new Message()
    changed.setInPlace(head, 0, keyBytes, keyBytes, head.size)
    changed.body = this.body
    changed.bodyStart = this.bodyStart
    changed.bodyEnd = this.bodyEnd
    changed.#ownedBody = this.#ownedBody
    changed.#properties = properties
    changed.isDurable = this.isDurable
    changed.extension = this.extension
    return changed
  }
}

/** A message made in this process. Throws RangeError when exchange or routing key are longer than 255 bytes. */
export function createMessage(exchange: string, routingKey: string, properties: Properties, body: Uint8Array): Message {
  const key = encodeKey(exchange, routingKey)
  const header = encodeContentHeader(body.byteLength, properties)
  const message = new Message()
  message.setInPlace(new Block(Buffer.concat([key, header])), 0, key.length, key.length, key.length + header.length)
  message.setOwnBody(new Block(Buffer.from(body)))
  return message
}

/** Exchange and routing key as they lie in basic.publish and basic.deliver. */
export function encodeKey(exchange: string, routingKey: string): Buffer {
  const parts: Buffer[] = []
  for (const text of [exchange, routingKey]) {
    const bytes = Buffer.from(text)
    checkNameBytes(bytes.length)
    parts.push(Buffer.of(bytes.length), bytes)
  }
  return Buffer.concat(parts)
}

export function shortString(block: Block, at: number): string {
  const length = block.view.getUint8(at)
  return shortstrText(block.bytes, at + 1, at + 1 + length)
}
