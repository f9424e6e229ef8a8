/** The channels of one connection, and the queues that are exclusive to it. */
import { ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import { METHODS, type Method } from '../../protocol/methods.ts'
import type { User } from '../auth/authenticator.ts'
import type { ChannelState } from '../broker/clients/client-info.ts'
import type { UnackedBytes, UnackedHolder } from '../broker/clients/unacked-bytes.ts'
import { refuse } from '../broker/errors.ts'
import { CHANNEL_BYTES } from '../broker/memory/topology-bytes.ts'
import { Publisher } from '../broker/publishing/publisher.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { removeForgotten, removeLeft } from '../broker/vhost-removal.ts'
import { doAll, doForEach } from '../lib/do-all.ts'
import { Channel, type OpenedVhost } from './channel.ts'
import type { ChannelConnection, ChannelList } from './channel-connection.ts'
import { channelCounts, channelState } from './channel-facts.ts'
import type { AmqpContext } from './context.ts'
import { type AuthorizedConnection, LiveAccess } from './live-access.ts'
import type { ReadPlace } from './read-place.ts'
import { AT_ONCE_MAX } from './work-in-turns.ts'

const PRUNE_MIN = 64
/** The rest of a body frame is read to its place when it is at least so much. */
const PLACED_BYTES_MIN = 16 * 1024

export class Channels implements ChannelList, UnackedHolder {
  /** By channel number. */
  open: (Channel | undefined)[] = []
  count = 0
  max = 0
  readonly #connection: ChannelConnection & AuthorizedConnection
  readonly #context: AmqpContext
  #opened: OpenedVhost | undefined
  /** What its user may do, once it has opened the virtual host. */
  access: LiveAccess | undefined
  /** What of its deliveries is unacked, in bytes. */
  unackedBytes: UnackedBytes | undefined
  #countsUnacked = false
  /** Its channels and consumers count among those of all clients. */
  #isCounted = true
  #exclusiveQueues = new Set<Queue>()
  /** Queues that were deleted are forgotten when the set has grown to this size. */
  #pruneAt = PRUNE_MIN

  constructor(connection: ChannelConnection & AuthorizedConnection, context: AmqpContext) {
    this.#connection = connection
    this.#context = context
  }

  /** The virtual host that the client has opened. */
  get vhost(): Vhost | undefined {
    return this.#opened?.vhost
  }

  /** connection.open: channels may be opened from now on. */
  enter(vhost: Vhost, user: User): void {
    this.access = new LiveAccess(this.#connection, this.#context.broker, user, vhost.name)
    this.#opened = { vhost, session: this.access.session }
    this.unackedBytes = this.#context.broker.unacked.enter(this, user.name, vhost.name)
    if (this.unackedBytes.hasLimit) this.countUnacked()
  }

  countUnacked(): void {
    const { unackedBytes } = this
    if (this.#countsUnacked || unackedBytes === undefined) return
    this.#countsUnacked = true
    this.open.forEach((channel) => {
      channel?.unacked.countBytes(unackedBytes)
    })
  }

  /** Undefined while no limit concerns them. */
  get countedUnackedBytes(): UnackedBytes | undefined {
    return this.#countsUnacked ? this.unackedBytes : undefined
  }

  checkConsumer(ofChannel: number): void {
    const { vhost, session } = this.#opened as OpenedVhost // a channel is open
    this.#context.broker.clientRoom.checkConsumer(vhost, session.user.name, ofChannel)
  }

  countConsumers(difference: number): void {
    if (!this.#isCounted) return
    const { vhost, session } = this.#opened as OpenedVhost // as above
    this.#context.broker.clientCounts.consumers.add(session.user.name, vhost.name, difference)
  }

  /** The first method on a channel that is not open: it must be channel.open. Throws FrameError, and Undecided when it has to wait for room. */
  openWith(id: number, method: Method): void {
    if (method.name !== 'channel.open') throw notOpen(method)
    if (this.count >= this.max) {
      const text = `number of channels opened (${this.count}) has reached the negotiated channel_max (${this.max})`
      throw new FrameError(530, text)
    }
    const connection = this.#connection
    const opened = this.#opened as OpenedVhost // there since connection.open
    const { broker, limits } = this.#context
    const userName = opened.session.user.name
    const refusal = broker.clientRoom.channelRefusal(opened.vhost, userName, this.#context.nodeName)
    if (refusal !== undefined) throw new FrameError(ReplyCode.NOT_ALLOWED, refusal.message)
    opened.vhost.removals.checkRoom(opened.session, {
      ofAll: () => {
        if (broker.topology.hasRoomFor(CHANNEL_BYTES)) return
        throw new FrameError(ReplyCode.RESOURCE_ERROR, refuse.channelsFull().message)
      },
    })
    const publisher = new Publisher(opened.vhost, opened.session, limits.maxMessageSizeBytes, broker.inputTurn)
    opened.vhost.counts.publisherBegan(publisher)
    const channel = new Channel(id, connection, opened, publisher, broker.bodies)
    this.open[id] = channel
    this.count++
    broker.topology.add(CHANNEL_BYTES)
    broker.clientCounts.channelsOpened(userName, opened.vhost.name, 1)
    const { countedUnackedBytes } = this
    if (countedUnackedBytes !== undefined) channel.unacked.countBytes(countedUnackedBytes)
    connection.send(id, 'channel.open-ok', {})
  }

  /** Tells where the rest of a body frame is to be read to, so many bytes; false when that is nowhere in particular. */
  placeBody(id: number, frameBytes: number, place: ReadPlace): boolean {
    if (frameBytes < PLACED_BYTES_MIN) return false
    return this.open[id]?.content.place(frameBytes, place) ?? false
  }

  /** Forgets a channel that has ended. */
  remove(channel: Channel): void {
    if (this.open[channel.id] !== channel) return
    tellCounts(channel)
    this.open[channel.id] = undefined
    this.count--
    this.#ended(1)
  }

  /** The connection is to be closed by us, in a later turn: nothing of it counts any more but the memory that it takes. */
  stop(): void {
    let consumerCount = 0
    for (const channel of this.open) consumerCount += channel?.consumers.count ?? 0
    this.countConsumers(-consumerCount)
    this.#countEnded(this.count)
    this.#isCounted = false
    this.access?.end()
  }

  /** Ends all channels, and deletes the queues that are exclusive to the connection, which is over. */
  closeAll(): void {
    const queues = [...this.#exclusiveQueues]
    this.#exclusiveQueues = new Set()
    // First of all: nobody has to wait for what was to be delivered from them, or to come back.
    for (const queue of queues) this.vhost?.forgetQueue(queue)
    doAll(
      () => this.#closeChannels(),
      () => this.access?.end(),
      () => this.#leaveAccounts(),
      () => {
        if (this.vhost !== undefined) removeForgotten(this.vhost, queues)
      },
    )
  }

  #leaveAccounts(): void {
    const opened = this.#opened
    if (opened !== undefined) this.#context.broker.unacked.leave(this, opened.session.user.name, opened.vhost.name)
  }

  #closeChannels(): void {
    const channels = this.open.filter((channel) => channel !== undefined)
    this.#ended(this.count)
    this.open = []
    this.count = 0
    const left: Consumer[] = []
    let unackedCount = 0
    doAll(
      // All consumers end first: what one channel gives back must not go to another one.
      () => {
        doForEach(channels, (channel) => {
          channel.isClosing = true
          channel.consumers.close(left)
        })
      },
      () => {
        if (this.vhost !== undefined && left.length > 0) removeLeft(this.vhost, left)
      },
      () => {
        for (const { settling } of channels) unackedCount += settling.openCount
        doForEach(channels, (channel) => {
          tellCounts(channel)
          channel.close(unackedCount > AT_ONCE_MAX)
        })
      },
    )
  }

  #ended(channels: number): void {
    const { broker } = this.#context
    broker.topology.remove(channels * CHANNEL_BYTES)
    this.#countEnded(channels)
  }

  #countEnded(channels: number): void {
    const opened = this.#opened
    if (opened === undefined || !this.#isCounted) return
    this.#context.broker.clientCounts.channelsClosed(opened.session.user.name, opened.vhost.name, channels)
  }

  addExclusiveQueue(queue: Queue): void {
    if (queue.owner === undefined || queue.owner !== this.#opened?.session) return
    this.#exclusiveQueues.add(queue)
    if (this.#exclusiveQueues.size < this.#pruneAt) return
    this.#exclusiveQueues = new Set(this.#remainingQueues())
    this.#pruneAt = this.#exclusiveQueues.size * 2 + PRUNE_MIN
  }

  #remainingQueues(): Queue[] {
    return [...this.#exclusiveQueues].filter((queue) => !queue.isDeleted)
  }

  /** Ends channels whose clients take too long for an acknowledgement. Called about twice a second. */
  checkAges(nowMs: number): void {
    const { consumerTimeoutMs } = this.#context.limits
    if (consumerTimeoutMs === 0 && this.vhost?.hasConsumerTimeouts !== true) return
    this.open.forEach((channel) => {
      if (channel === undefined || channel.isClosing) return
      try {
        channel.settling.checkAge(nowMs, consumerTimeoutMs)
      } catch (error) {
        this.#connection.failures.failChannel(channel, error, 0, 0)
      }
    })
  }

  /** How they are and what went through them, one by one. */
  *states(): Iterable<ChannelState> {
    for (const channel of this.open) if (channel !== undefined) yield channelState(channel)
  }

  /** The socket takes bytes again: consumers may go on. */
  outboxUnblocked(): void {
    this.open.forEach((channel) => {
      channel?.consumers.wake()
    })
  }
}

function notOpen({ name }: Method): FrameError {
  const { classId, methodId } = METHODS[name]
  return new FrameError(504, "expected 'channel.open'", classId, methodId)
}

/** Of a channel that ends: what went through it goes on counting. */
function tellCounts(channel: Channel): void {
  const { vhost, publisher } = channel
  vhost.counts.channelEnded(channelCounts(channel))
  vhost.counts.publisherEnded(publisher)
}
