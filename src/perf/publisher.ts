import { FRAME_METHOD, FRAME_OVERHEAD_BYTES } from '../../protocol/constants.ts'
import type { Method } from '../../protocol/methods.ts'
import type { ClientConnection } from './client-connection.ts'
import type { SharedClock } from './clock.ts'
import { ConfirmWindow } from './confirm-window.ts'
import type { MessageImage } from './message-image.ts'
import { Pacer } from './pacer.ts'
import type { Recording } from './tally.ts'

// Writes slices of the image while the kernel takes them, at most TURN_BYTES per turn of the event loop, then lets others
// have theirs. It waits when the kernel's buffer is full, the confirm window is full, the next message is not due yet, or
// the broker said connection.blocked or channel.flow.

const TURN_BYTES = 65_536
/** basic.ack and basic.nack have the same size and layout. */
const SETTLE_SIZE = 13
const BASIC_ACK = (60 << 16) | 80
const BASIC_NACK = (60 << 16) | 120
/** A timer is this much too coarse for a message that is to be timed. */
const TIMER_SLACK_US = 2000
const FINISH_POLL_MS = 5
const FINISH_MS_MAX = 10_000
/** A broker that blocks publishers may do so for long. */
const FINISH_BLOCKED_MS_MAX = 1000

export interface PublisherPace {
  readonly rate: number
  /** See Pacer. */
  readonly phase: number
  /** Confirms in flight; 0 for none. */
  readonly confirms: number
  readonly writeBytes: number
  /** Stops by itself after so many messages. */
  readonly messagesMax: number
  readonly hasStamps: boolean
}

export class Publisher {
  /** Called once, when `messagesMax` messages are out or `stop` was called. */
  onStopped: (() => void) | undefined
  /** Why the broker blocked this publisher, the last time it did. */
  wasBlockedFor: string | undefined

  readonly #connection: ClientConnection
  readonly #image: MessageImage
  readonly #pace: PublisherPace
  readonly #recording: Recording
  readonly #clock: SharedClock
  readonly #confirms: ConfirmWindow | undefined
  readonly #pumpLater = (): void => this.#pump()
  readonly #onWritten = (): void => this.#written()
  readonly #onConfirmTime = (sentAtUs: number): void => this.#confirmTime(sentAtUs)
  #pacer: Pacer | undefined
  #next = 0
  #sent = 0
  #isPumping = false
  #isBlocked = false
  #isStopped = true
  #blockedSinceUs = 0
  #blockedUs = 0
  #nowUs = 0

  constructor(
    connection: ClientConnection,
    image: MessageImage,
    pace: PublisherPace,
    recording: Recording,
    clock: SharedClock,
  ) {
    this.#connection = connection
    this.#image = image
    this.#pace = pace
    this.#recording = recording
    this.#clock = clock
    this.#confirms = pace.confirms > 0 ? new ConfirmWindow(pace.confirms, pace.hasStamps) : undefined
    connection.onNotice = (method) => this.#heed(method)
  }

  /** Publishes that have no confirm yet. */
  get unconfirmed(): number {
    return this.#confirms?.unsettled ?? 0
  }

  get blockedSeconds(): number {
    const openUs = this.#isBlocked ? this.#clock.nowUs() - this.#blockedSinceUs : 0
    return (this.#blockedUs + openUs) / 1_000_000
  }

  /** Before the first message: asks for confirms if there are to be any. */
  async prepare(): Promise<void> {
    if (this.#confirms !== undefined) await this.#connection.call('confirm.select', { nowait: false })
    this.#connection.receiveWith((view, end) => this.#receive(view, end))
  }

  start(): void {
    const { rate, phase } = this.#pace
    if (rate > 0) this.#pacer = new Pacer(rate, this.#clock.nowUs(), phase)
    this.#isStopped = false
    this.#pumpSoon()
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.onStopped?.()
  }

  /** Waits until the broker has taken and confirmed everything, as far as it does so in time; then closes. */
  async finish(): Promise<void> {
    const startedAt = performance.now()
    const patienceMs = (): number => (this.#isBlocked ? FINISH_BLOCKED_MS_MAX : FINISH_MS_MAX)
    while (this.#isBusy && performance.now() - startedAt < patienceMs()) await pause(FINISH_POLL_MS)
    if (this.#isBusy) {
      this.#connection.destroy()
      return
    }
    const args = { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 }
    // The broker answers behind all it was sent before: then every publish is in its queue.
    await this.#connection.call('channel.close', args).catch(() => undefined)
    await this.#connection.close()
  }

  get #isBusy(): boolean {
    return this.#isBlocked || !this.#connection.isFlushed || this.unconfirmed > 0
  }

  #pumpSoon(): void {
    if (this.#isPumping || this.#isStopped) return
    this.#isPumping = true
    setImmediate(this.#pumpLater)
  }

  #pump(): void {
    this.#isPumping = false
    let turnBytes = 0
    while (!this.#isStopped && !this.#isBlocked && this.#connection.isFlushed) {
      this.#nowUs = this.#clock.nowUs()
      const allowed = this.#allowed()
      if (allowed <= 0) {
        this.#waitUntilDue()
        return
      }
      turnBytes += this.#publish(allowed)
      if (this.#sent >= this.#pace.messagesMax) this.stop()
      if (turnBytes >= TURN_BYTES) return // the callback of the write goes on
    }
  }

  #allowed(): number {
    let allowed = this.#pace.messagesMax - this.#sent
    if (this.#confirms !== undefined) allowed = Math.min(allowed, this.#confirms.room)
    if (this.#pacer !== undefined) allowed = Math.min(allowed, this.#pacer.dueBy(this.#nowUs) - this.#sent)
    return allowed
  }

  #publish(allowed: number): number {
    const image = this.#image
    const first = this.#next
    const end = image.endOfBatch(first, allowed, this.#pace.writeBytes)
    if (this.#pace.hasStamps) image.stamp(first, end, this.#nowUs)
    const count = end - first
    this.#confirms?.addSent(count, this.#nowUs)
    this.#sent += count
    this.#recording.tally.published += count
    this.#next = end === image.count ? 0 : end
    const start = image.startOf(first)
    const stop = image.startOf(end)
    this.#connection.write(image.bytes.subarray(start, stop), this.#onWritten)
    return stop - start
  }

  #written(): void {
    if (this.#connection.isFlushed) this.#pumpSoon()
  }

  /** Only a rate has a time at which to go on; a confirm starts the pump again by itself. */
  #waitUntilDue(): void {
    if (this.#pacer === undefined || (this.#confirms !== undefined && this.#confirms.room <= 0)) return
    const waitUs = this.#pacer.usUntil(this.#sent, this.#nowUs)
    // Timers count in milliseconds: good enough for a rate, not for latencies of some ten microseconds.
    if (this.#pace.hasStamps && waitUs < TIMER_SLACK_US) {
      this.#pumpSoon()
      return
    }
    this.#isPumping = true
    const slackUs = this.#pace.hasStamps ? TIMER_SLACK_US : 0
    setTimeout(this.#pumpLater, Math.max(1, (waitUs - slackUs) / 1000))
  }

  #receive(view: DataView, end: number): number {
    let at = 0
    let hasSettled = false
    this.#nowUs = this.#clock.nowUs()
    while (end - at >= FRAME_OVERHEAD_BYTES) {
      const size = view.getUint32(at + 3)
      const next = at + size + FRAME_OVERHEAD_BYTES
      if (next > end) break
      if (size === SETTLE_SIZE && view.getUint8(at) === FRAME_METHOD && this.#settle(view, at)) hasSettled = true
      else this.#connection.handleFrame(at, size)
      at = next
    }
    if (hasSettled) this.#pumpSoon()
    return at
  }

  #settle(view: DataView, at: number): boolean {
    const method = view.getUint32(at + 7)
    if (method !== BASIC_ACK && method !== BASIC_NACK) return false
    const tag = view.getUint32(at + 11) * 0x1_0000_0000 + view.getUint32(at + 15)
    const isMultiple = (view.getUint8(at + 19) & 1) === 1
    const settled = this.#confirms?.settle(tag, isMultiple, this.#onConfirmTime) ?? 0
    if (method === BASIC_ACK) this.#recording.tally.confirmed += settled
    else this.#recording.tally.nacked += settled
    return true
  }

  #confirmTime(sentAtUs: number): void {
    const { fromUs, untilUs, confirmTimes } = this.#recording
    if (sentAtUs >= fromUs && sentAtUs < untilUs) confirmTimes.add(this.#nowUs - sentAtUs)
  }

  #heed(method: Method): void {
    switch (method.name) {
      case 'connection.blocked':
        this.#block(method.args.reason)
        return
      case 'connection.unblocked':
        this.#unblock()
        return
      case 'channel.flow':
        this.#connection.send('channel.flow-ok', { active: method.args.active })
        if (method.args.active) this.#unblock()
        else this.#block('channel.flow')
        return
      default:
    }
  }

  #block(reason: string): void {
    this.wasBlockedFor = reason
    if (!this.#isBlocked) this.#blockedSinceUs = this.#clock.nowUs()
    this.#isBlocked = true
  }

  #unblock(): void {
    if (this.#isBlocked) this.#blockedUs += this.#clock.nowUs() - this.#blockedSinceUs
    this.#isBlocked = false
    this.#pumpSoon()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
