import { FRAME_BODY, FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES } from '../../protocol/constants.ts'
import type { BrokerUri } from '../../src/perf/broker-uri.ts'
import type { ClientConnection } from '../../src/perf/client-connection.ts'
import { Histogram, type Percentiles } from '../../src/perf/histogram.ts'
import { login } from '../../src/perf/login.ts'
import { MessageImage } from '../../src/perf/message-image.ts'
import { CONSUMER, QUEUE as DECLARATION } from '../method-arguments.ts'

const READ_BYTES = 65_536
const BODY_BYTES = 16
const QUEUE = 'bystander'
/** A message leaves every so often, whether the last one has come back or not: a standstill concerns all that it delays. */
const INTERVAL_MS = 1

/** A client that publishes to itself while others keep the broker busy. */
export class Bystander {
  readonly #publisher: ClientConnection
  readonly #consumer: ClientConnection
  readonly #image: MessageImage
  readonly #latencies = new Histogram()
  #timer: NodeJS.Timeout | undefined
  #startedMs = 0
  #sent = 0
  #received = 0

  private constructor(publisher: ClientConnection, consumer: ClientConnection) {
    this.#publisher = publisher
    this.#consumer = consumer
    const shape = { exchange: '', keys: [QUEUE], bodyBytes: BODY_BYTES, isPersistent: false, imageBytesMin: 1 }
    this.#image = new MessageImage({ ...shape, frameMaxBytes: publisher.frameMaxBytes })
  }

  static async connect(uri: BrokerUri): Promise<Bystander> {
    const publisher = await login(uri, READ_BYTES)
    const consumer = await login(uri, READ_BYTES)
    const bystander = new Bystander(publisher, consumer)
    await consumer.call('queue.declare', { ...DECLARATION, queue: QUEUE, exclusive: true })
    await consumer.call('basic.consume', { ...CONSUMER, queue: QUEUE, noAck: true })
    consumer.receiveWith((view, end) => bystander.#receive(view, end))
    return bystander
  }

  /** Starts to send, and forgets what was measured before. */
  start(): void {
    this.#latencies.clear()
    this.#startedMs = performance.now()
    this.#sent = this.#received = 0
    this.#timer ??= setInterval(() => this.#sendDue(), INTERVAL_MS)
  }

  /** Sends no more and waits for what is on its way; how long messages took, in microseconds. */
  async stop(): Promise<Percentiles | undefined> {
    clearInterval(this.#timer)
    this.#timer = undefined
    const deadlineMs = performance.now() + 60_000
    while (this.#received < this.#sent && this.#consumer.isOpen && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return this.#latencies.percentiles()
  }

  destroy(): void {
    clearInterval(this.#timer)
    this.#publisher.destroy()
    this.#consumer.destroy()
  }

  #sendDue(): void {
    const due = Math.floor((performance.now() - this.#startedMs) / INTERVAL_MS)
    for (; this.#sent < due; this.#sent++) {
      const bytes = Buffer.from(this.#image.bytes)
      bytes.writeDoubleBE(performance.now(), bytes.length - 1 - BODY_BYTES)
      this.#publisher.write(bytes)
    }
  }

  #receive(view: DataView, end: number): number {
    let at = 0
    while (end - at >= FRAME_OVERHEAD_BYTES) {
      const next = at + view.getUint32(at + 3) + FRAME_OVERHEAD_BYTES
      if (next > end) break
      if (view.getUint8(at) === FRAME_BODY) {
        this.#received++
        this.#latencies.add((performance.now() - view.getFloat64(at + FRAME_HEADER_BYTES)) * 1000)
      }
      at = next
    }
    return at
  }
}
