/** A client that publishes to itself every few milliseconds, whether the last message has come back or not. */
import { Histogram, type Percentiles } from '../../src/perf/histogram.ts'
import { consume, declareQueue, publish, QUEUE_DECLARE_OK } from './frames.ts'
import { LoadClient, type Target } from './load-client.ts'

const INTERVAL_MS = 5
const BODY_BYTES = 16
const QUEUE = 'load-bystander'
/** It waits so long for what has not come back. */
const PATIENCE_MS = 30_000

export class Bystander {
  readonly #publisher: LoadClient
  readonly #consumer: LoadClient
  readonly #latencies = new Histogram()
  readonly #bytes = publish(QUEUE, Buffer.alloc(BODY_BYTES))
  #timer: NodeJS.Timeout | undefined
  #startedMs = 0
  #sent = 0
  #received = 0

  private constructor(publisher: LoadClient, consumer: LoadClient) {
    this.#publisher = publisher
    this.#consumer = consumer
  }

  static async start(target: Target): Promise<Bystander> {
    const [publisher, consumer] = [await LoadClient.open(target), await LoadClient.open(target)]
    const bystander = new Bystander(publisher, consumer)
    await consumer.call(declareQueue(QUEUE), QUEUE_DECLARE_OK)
    consumer.onBody = (body) => bystander.#take(body)
    consumer.write(consume(QUEUE, true))
    bystander.#startedMs = performance.now()
    bystander.#timer = setInterval(() => bystander.#sendDue(), INTERVAL_MS)
    return bystander
  }

  get failure(): string | undefined {
    return this.#publisher.failure ?? this.#consumer.failure
  }

  /** How long messages took, in microseconds. What has not come back by then took at least so long. */
  async stop(): Promise<Percentiles | undefined> {
    clearInterval(this.#timer)
    const endsAt = performance.now() + PATIENCE_MS
    while (this.#received < this.#sent && this.failure === undefined && performance.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    for (; this.#received < this.#sent; this.#received++) this.#latencies.add(PATIENCE_MS * 1000)
    this.#publisher.destroy()
    this.#consumer.destroy()
    return this.#latencies.percentiles()
  }

  #sendDue(): void {
    // Each message counts from when it was due, so that a standstill of the client counts as well.
    const due = Math.floor((performance.now() - this.#startedMs) / INTERVAL_MS)
    for (; this.#sent < due; this.#sent++) {
      const bytes = Buffer.from(this.#bytes)
      bytes.writeDoubleBE(performance.now(), bytes.length - 1 - BODY_BYTES)
      this.#publisher.write(bytes)
    }
  }

  #take(body: Buffer): void {
    this.#received++
    this.#latencies.add((performance.now() - body.readDoubleBE(0)) * 1000)
  }
}
