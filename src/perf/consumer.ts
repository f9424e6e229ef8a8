import { FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_OVERHEAD_BYTES } from '../../protocol/constants.ts'
import { AckWriter } from './ack-writer.ts'
import type { ClientConnection } from './client-connection.ts'
import type { SharedClock } from './clock.ts'
import { PerfError } from './perf-error.ts'
import { STAMP_BYTES } from './stamp.ts'
import type { Recording } from './tally.ts'

// Reads deliveries where they lie in the receive buffer: the delivery tag from basic.deliver, the length from the content
// header, the time of sending from the body's first frame. Nothing is made per message but an acknowledgement.

const BASIC_DELIVER = (60 << 16) | 60

export interface ConsumerManner {
  readonly queues: readonly string[]
  readonly prefetch: number
  /** 0: the broker expects no acknowledgements. */
  readonly ackEvery: number
  /** It rejects what it would acknowledge. */
  readonly rejects: boolean
  readonly hasStamps: boolean
}

export class Consumer {
  readonly #connection: ClientConnection
  readonly #manner: ConsumerManner
  readonly #recording: Recording
  readonly #clock: SharedClock
  readonly #acks: AckWriter
  #bodyLeft = 0
  #isFirstFrame = false
  #tagHigh = 0
  #tagLow = 0
  #unacked = 0

  constructor(connection: ClientConnection, manner: ConsumerManner, recording: Recording, clock: SharedClock) {
    this.#connection = connection
    this.#manner = manner
    this.#recording = recording
    this.#clock = clock
    this.#acks = new AckWriter(connection, manner.ackEvery > 1, manner.rejects)
  }

  async prepare(): Promise<void> {
    const { prefetch } = this.#manner
    if (prefetch === 0) return
    await this.#connection.call('basic.qos', { prefetchSize: 0, prefetchCount: prefetch, global: false })
  }

  async subscribe(): Promise<void> {
    const { queues, ackEvery } = this.#manner
    this.#connection.receiveWith((view, end) => this.#receive(view, end))
    for (const queue of queues) {
      await this.#connection.call('basic.consume', {
        queue,
        consumerTag: '',
        noLocal: false,
        noAck: ackEvery === 0,
        exclusive: false,
        nowait: false,
        arguments: new Map(),
      })
    }
  }

  /** Acknowledges what is left and closes. */
  async finish(): Promise<void> {
    if (this.#unacked > 0) this.#acks.add(this.#tagHigh, this.#tagLow)
    this.#unacked = 0
    this.#acks.flush()
    await this.#connection.close()
  }

  #receive(view: DataView, end: number): number {
    const before = this.#recording.tally.consumed
    const nowUs = this.#clock.nowUs()
    let at = 0
    while (end - at >= FRAME_OVERHEAD_BYTES) {
      const size = view.getUint32(at + 3)
      const next = at + size + FRAME_OVERHEAD_BYTES
      if (next > end) break
      if (view.getUint8(next - 1) !== FRAME_END) throw new PerfError('the broker sent a frame without an end')
      const type = view.getUint8(at)
      if (type === FRAME_BODY) this.#body(view, at, size, nowUs)
      else if (type === FRAME_HEADER) this.#header(view, at)
      else if (size > 4 && view.getUint32(at + 7) === BASIC_DELIVER) this.#deliver(view, at)
      else this.#connection.handleFrame(at, size)
      at = next
    }
    if (this.#recording.tally.consumed !== before) this.#recording.deliveredAtUs = nowUs
    this.#acks.flush()
    return at
  }

  #deliver(view: DataView, at: number): void {
    const tagAt = at + 12 + view.getUint8(at + 11)
    this.#tagHigh = view.getUint32(tagAt)
    this.#tagLow = view.getUint32(tagAt + 4)
  }

  #header(view: DataView, at: number): void {
    const bodyBytes = view.getUint32(at + 11) * 0x1_0000_0000 + view.getUint32(at + 15)
    this.#recording.tally.consumedBytes += bodyBytes
    this.#bodyLeft = bodyBytes
    this.#isFirstFrame = true
    if (bodyBytes === 0) this.#complete()
  }

  #body(view: DataView, at: number, size: number, nowUs: number): void {
    if (this.#isFirstFrame && this.#manner.hasStamps && size >= STAMP_BYTES) this.#time(view.getFloat64(at + 7), nowUs)
    this.#isFirstFrame = false
    this.#bodyLeft -= size
    if (this.#bodyLeft === 0) this.#complete()
  }

  /** A body from elsewhere has no time in it: then the comparisons fail, with next to no exception. */
  #time(sentAtUs: number, nowUs: number): void {
    const { fromUs, untilUs, deliveryTimes } = this.#recording
    if (sentAtUs >= fromUs && sentAtUs < untilUs && sentAtUs <= nowUs) deliveryTimes.add(nowUs - sentAtUs)
  }

  #complete(): void {
    this.#recording.tally.consumed++
    const { ackEvery } = this.#manner
    if (ackEvery === 0 || ++this.#unacked < ackEvery) return
    this.#unacked = 0
    this.#acks.add(this.#tagHigh, this.#tagLow)
  }
}
