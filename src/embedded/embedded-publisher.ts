import { encodeContentHeader } from '../../protocol/properties.ts'
import type { Broker } from '../broker/broker.ts'
import { refuse } from '../broker/errors.ts'
import { encodeKey, Message } from '../broker/messages/message.ts'
import type { PublishOutcome } from '../broker/publishing/outcome.ts'
import { type Publication, Publisher } from '../broker/publishing/publisher.ts'
import { isReplyAddress } from '../broker/routing/reply-to.ts'
import type { Session } from '../broker/session.ts'
import type { Vhost } from '../broker/vhost.ts'
import { allocateBlock, Block, EMPTY_BLOCK } from '../lib/block.ts'
import { anyText } from '../lib/checks.ts'
import { checkBody, encodeMessage, type OutgoingMessage } from './outgoing-message.ts'

/** Bodies up to this size are gathered in a block that is used again and again. */
const SCRATCH_BYTES = 4096
const UTF8_BYTES_MAX = 3
const BODY_SIZE_OFFSET = 4
const TWO_TO_32 = 0x1_0000_0000

/** Publishing from this process. It cannot be made to wait while memory or the disk is short, so it is refused. */
export class EmbeddedPublisher {
  readonly #publisher: Publisher
  readonly #vhost: Vhost
  readonly #core: Broker
  /** The message of the last publish without properties: the next one often differs in its body alone. */
  readonly #message = new Message()
  readonly #scratch = allocateBlock(SCRATCH_BYTES)
  #head = EMPTY_BLOCK
  #headerStart = 0
  #exchange: string | undefined
  #routingKey = ''

  constructor(vhost: Vhost, core: Broker, session: Session, maxMessageSizeBytes: number) {
    this.#publisher = new Publisher(vhost, session, maxMessageSizeBytes)
    this.#vhost = vhost
    this.#core = core
  }

  /** Whether the message was put into at least one queue. Throws BrokerError, also when one of its queues refuses it. */
  publish(exchange: string, routingKey: string, outgoing: OutgoingMessage): boolean {
    const outcome = this.#publish(exchange, routingKey, outgoing)
    if (outcome === 'refused') throw refuse.refusedByQueue(exchange, routingKey)
    return outcome === 'routed'
  }

  #publish(exchange: string, routingKey: string, outgoing: OutgoingMessage): PublishOutcome {
    anyText(exchange, 'the exchange')
    anyText(routingKey, 'the routing key')
    checkBody(outgoing.body)
    this.#requireRoom()
    // A waiting requester may be given the body by reference: it must not change any more.
    const isBare = outgoing.properties === undefined && !isReplyAddress(routingKey)
    if (!isBare) return this.#publishNow(encodeMessage(exchange, routingKey, outgoing))
    if (exchange !== this.#exchange || routingKey !== this.#routingKey) this.#prepareHead(exchange, routingKey)
    return this.#publishNow(this.#messageWith(outgoing.body))
  }

  #publishNow(message: Message): PublishOutcome {
    const outcome = this.#publisher.publish(message)
    // Nothing says when a program gives up a publisher: what it has not told then would be lost.
    this.#publisher.counts.tell()
    return outcome
  }

  /** Makes sure that the message can be published. Throws BrokerError. */
  prepare(message: Message): Publication {
    this.#requireRoom()
    return this.#publisher.prepare(message)
  }

  /** Publishes what was prepared. */
  publishPrepared(publication: Publication): PublishOutcome {
    const outcome = this.#publisher.publishPrepared(publication)
    this.#publisher.counts.tell()
    return outcome
  }

  #requireRoom(): void {
    const { memory } = this.#core
    const { journal } = this.#vhost
    memory.check()
    if (memory.isActive) throw refuse.memoryAlarm()
    if (journal.trouble !== undefined) throw refuse.diskAlarm()
  }

  #prepareHead(exchange: string, routingKey: string): void {
    const key = encodeKey(exchange, routingKey)
    this.#head = new Block(Buffer.concat([key, encodeContentHeader(0, {})]))
    this.#headerStart = key.length
    this.#exchange = exchange
    this.#routingKey = routingKey
  }

  #messageWith(body: string | Uint8Array): Message {
    const isSmall = body.length * UTF8_BYTES_MAX <= SCRATCH_BYTES
    const message = isSmall ? this.#message : new Message()
    const { size, view } = this.#head
    message.setInPlace(this.#head, 0, this.#headerStart, this.#headerStart, size)
    message.bodyStart = 0
    if (isSmall) {
      message.body = this.#scratch
      message.bodyEnd = this.#intoScratch(body)
    } else {
      message.body = new Block(bytesOf(body))
      message.bodyEnd = message.body.size
    }
    const sizeAt = this.#headerStart + BODY_SIZE_OFFSET
    view.setUint32(sizeAt, message.bodyEnd / TWO_TO_32)
    view.setUint32(sizeAt + 4, message.bodyEnd)
    return message
  }

  #intoScratch(body: string | Uint8Array): number {
    const { bytes } = this.#scratch
    if (typeof body === 'string') return bytes.write(body)
    bytes.set(body)
    return body.length
  }
}

function bytesOf(body: string | Uint8Array): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
