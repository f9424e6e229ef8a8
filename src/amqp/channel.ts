/**
 * One channel: what it publishes, what was delivered on it and is not settled, its consumers, and whether it confirms or
 * is transactional. The methods of the hot path are here; all others are in handlers/.
 */
import type { PublishInPlace } from '../../protocol/frame-scanner.ts'
import { refuse } from '../broker/errors.ts'
import { Message } from '../broker/messages/message.ts'
import type { FanOut } from '../broker/publishing/fan-out.ts'
import type { Publisher } from '../broker/publishing/publisher.ts'
import type { Transaction } from '../broker/publishing/transaction.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { Session } from '../broker/session.ts'
import type { Vhost } from '../broker/vhost.ts'
import { removeLeft } from '../broker/vhost-removal.ts'
import type { Block } from '../lib/block.ts'
import type { BodyPool } from '../lib/body-pool.ts'
import { doAll } from '../lib/do-all.ts'
import type { ChannelConnection } from './channel-connection.ts'
import { ChannelConsumers } from './channel-consumers.ts'
import { ChannelContent } from './channel-content.ts'
import { ChannelCounters } from './channel-counters.ts'
import { type Confirms, writeConfirm } from './confirms.ts'
import type { ContentAssembly } from './content-assembly.ts'
import { type DeliveryTarget, writeContent } from './delivery.ts'
import { Settling } from './settling.ts'
import type { Unacked } from './unacked.ts'
import { waitingPublish } from './waiting-publish.ts'

const MANDATORY = 1
const IMMEDIATE = 2
const NO_ROUTE = 312
/** A message that goes to more queues than this may fill the memory in the middle of a piece of input. */
const MANY_COPIES = 8

/** What the client of a connection has opened, and as whom it is there. */
export interface OpenedVhost {
  readonly vhost: Vhost
  readonly session: Session
}

export class Channel {
  readonly id: number
  readonly connection: ChannelConnection
  readonly vhost: Vhost
  readonly session: Session
  readonly target: DeliveryTarget
  readonly publisher: Publisher
  readonly settling: Settling
  /** What it has delivered. */
  readonly unacked: Unacked
  readonly consumers: ChannelConsumers
  /** False while its consumers have to wait, see ChannelConsumers. */
  takesDeliveries = true
  /** Set once the channel confirms publishes. */
  confirms: Confirms | undefined
  /** Set once the channel is transactional. */
  transaction: Transaction | undefined
  /** What an empty queue name stands for. */
  lastQueueName: string | undefined
  /** We have sent channel.close: everything but close and close-ok is ignored. */
  isClosing = false
  readonly counts = new ChannelCounters()
  /** What comes of a publish in pieces. */
  readonly content: ChannelContent
  readonly #message: Message
  /** A publish for which it is not known yet whether it is allowed. */
  #waiting: Message | undefined

  constructor(
    id: number,
    connection: ChannelConnection,
    { vhost, session }: OpenedVhost,
    publisher: Publisher,
    bodies: BodyPool,
  ) {
    this.id = id
    this.connection = connection
    this.vhost = vhost
    this.session = session
    this.publisher = publisher
    this.target = { outbox: connection.outbox, channel: id, frameMaxBytes: connection.frameMaxBytes }
    this.settling = new Settling(this)
    this.unacked = this.settling.unacked
    this.consumers = new ChannelConsumers(this)
    this.content = new ChannelContent(connection.intake, bodies)
    this.#message = new Message(bodies)
  }

  /** For content that belongs to an answer. */
  get answering(): DeliveryTarget {
    const outbox = this.connection.output(this.id)
    return outbox === this.target.outbox ? this.target : { ...this.target, outbox }
  }

  publishInPlace(block: Block, at: PublishInPlace): void {
    this.content.expectMethod()
    const message = this.#message
    message.setInPlace(block, at.keyStart, at.keyEnd, at.headerStart, at.headerEnd)
    message.bodyStart = at.bodyStart
    message.bodyEnd = at.bodyEnd
    this.#publish(message, at.bits)
    message.release()
  }

  contentHeader(block: Block, start: number, end: number): void {
    const content = this.content.header(block, start, end, this.publisher.messageBytesMax)
    if (content !== undefined) this.#publishContent(content)
  }

  contentBody(block: Block, start: number, end: number): void {
    const content = this.content.body(block, start, end)
    if (content !== undefined) this.#publishContent(content)
  }

  consumerCancelled(consumer: Consumer): void {
    this.consumers.cancelledByQueue(consumer)
  }

  /** Tells the publisher what was confirmed since the last time. */
  tellConfirms(): void {
    this.confirms?.tell((isAck, sequence, isMultiple) =>
      writeConfirm(this.connection.output(this.id), this.id, isAck, sequence, isMultiple),
    )
  }

  /** What has to wait of the last publish, whose `bits` these are: returns what carries it out again. */
  publishAgain(bits: number): () => void {
    const kept = this.#message.copy()
    this.#message.release()
    this.#waiting = kept
    this.connection.intake.hold(kept.head.size + kept.bodyBytes)
    return () => {
      this.connection.intake.hasPublished = true
      this.#publish(kept, bits)
      this.#dropWaiting()
      this.tellConfirms()
    }
  }

  #dropWaiting(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    this.connection.intake.hold(-waiting.head.size - waiting.bodyBytes)
    waiting.release()
  }

  /** Ends everything the channel does. `isMuchInAll`: it and others give back much now. */
  close(isMuchInAll = false): void {
    const left: Consumer[] = []
    doAll(
      () => this.content.take()?.drop(),
      () => this.#dropWaiting(),
      () => this.#message.release(),
      () => this.consumers.close(left),
      () => {
        if (left.length > 0) removeLeft(this.vhost, left)
      },
      () => this.settling.close(isMuchInAll),
    )
  }

  #publishContent(content: ContentAssembly): void {
    const { bits, refusedBytes } = content
    if (refusedBytes !== undefined) {
      refuseImmediate(bits)
      this.publisher.checkSize(refusedBytes)
    }
    content.fill(this.#message)
    this.#publish(this.#message, bits)
    this.#message.release()
  }

  /** Carries out a publish, and keeps nothing of the message. A publish that fails ends the channel, which then releases it. */
  #publish(message: Message, bits: number): void {
    refuseImmediate(bits)
    if (this.transaction === undefined) this.#publishNow(message, bits)
    else this.#publishLater(this.transaction, message, (bits & MANDATORY) !== 0)
  }

  #publishNow(message: Message, bits: number): void {
    const { confirms } = this
    const stagedBefore = confirms === undefined ? 0 : this.vhost.journal.stagedCount
    const outcome = this.publisher.publish(message)
    if (this.publisher.copies > MANY_COPIES) {
      const { fanOut, copies } = this.publisher
      if (fanOut !== undefined) {
        this.#fanOut(fanOut)
        return
      }
      this.connection.intake.published(copies)
    }
    if (outcome === 'unrouted') this.#unrouted(message, (bits & MANDATORY) !== 0)
    if (confirms === undefined) return
    if (outcome === 'refused') this.#refuse(confirms)
    else this.#confirm(confirms, this.vhost.journal.stagedCount !== stagedBefore)
  }

  #unrouted(message: Message, isMandatory: boolean): void {
    if (isMandatory) this.#return(this.publisher.asDelivered(message))
    else this.counts.droppedUnroutable++
  }

  /** The message goes into the rest of its queues in further turns; what the client sent behind it waits for that. */
  #fanOut(fanOut: FanOut): void {
    const { intake } = this.connection
    this.publisher.fanOut = undefined
    intake.beginLongWork()
    const bytes = fanOut.goOn(this.vhost.longWork, (isDone) => {
      intake.hold(-bytes)
      intake.hasPublished = true
      intake.afterInput()
      intake.endLongWork()
      if (!isDone) this.connection.destroy()
      if (!isDone || this.isClosing || this.confirms === undefined) return
      if (fanOut.isRefused) this.confirms.addRefused()
      else this.#confirm(this.confirms, fanOut.isStaged)
      this.tellConfirms()
    })
    intake.hold(bytes)
  }

  /** A publish is to be confirmed: now, or once the disk has what it staged. */
  #confirm(confirms: Confirms, isStaged: boolean): void {
    if (!isStaged) {
      if (!confirms.hasNews) this.connection.input.confirming(this)
      confirms.add()
      return
    }
    if (confirms.addWaiting(this.vhost.journal.commitsBegun)) this.#confirmWhenDurable(confirms)
  }

  // By itself: a function that makes another one makes room for what that one needs at every call.
  #confirmWhenDurable(confirms: Confirms): void {
    this.vhost.journal.whenDurable(() => {
      confirms.committed()
      if (!this.isClosing) this.tellConfirms()
    })
  }

  /** A queue has refused a publish, whatever became of it elsewhere. */
  #refuse(confirms: Confirms): void {
    if (!confirms.hasNews) this.connection.input.confirming(this)
    confirms.addRefused()
  }

  #publishLater(transaction: Transaction, message: Message, isMandatory: boolean): void {
    transaction.add(
      waitingPublish(this, message, (kept) => {
        if (isMandatory) this.#return(kept)
        else this.counts.droppedUnroutable++
      }),
    )
  }

  #return(message: Message): void {
    if (this.isClosing) return
    this.counts.returnedUnroutable++
    const { exchange, routingKey } = message
    this.connection.send(this.id, 'basic.return', { replyCode: NO_ROUTE, replyText: 'NO_ROUTE', exchange, routingKey })
    writeContent(
      this.answering,
      message.head,
      message.headerStart,
      message.headerEnd,
      message.body,
      message.bodyStart,
      message.bodyEnd,
    )
  }
}

/** RabbitMQ refuses this before it looks at anything else of the message. */
function refuseImmediate(bits: number): void {
  if ((bits & IMMEDIATE) !== 0) throw refuse.immediate()
}
