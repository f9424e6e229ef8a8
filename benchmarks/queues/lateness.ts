import { setTimeout as sleep } from 'node:timers/promises'
import { FRAME_BODY, FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES } from '../../protocol/constants.ts'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import type { ClientConnection } from '../../src/perf/client-connection.ts'
import { Histogram, type Percentiles } from '../../src/perf/histogram.ts'
import { login } from '../../src/perf/login.ts'
import type { Broker } from '../compare/generator.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import { preferThisProcess } from '../compare/pinning.ts'
import { type Bench, eachRound, type Measure } from '../durable/bench.ts'
import { figure, type Wanted } from '../durable/figure.ts'
import { publishFrames } from '../frames.ts'
import { CONSUMER, QUEUE } from '../method-arguments.ts'

// Publishes a message every millisecond to queues where nobody consumes it, and takes it from the queue that it is
// dead-lettered to when its time is over, while a pair of other clients keeps the broker busy. How late it comes: from the
// time when it was due, reckoned from when it was sent, until it is there.

const READ_BYTES = 65_536
/** The times that messages have, in milliseconds: one queue for each. */
const TTLS_MS = [5, 20, 50, 100, 200, 500, 1000]
const TTL_MS_MAX = 1000
const EXPIRED = 'expired'
const INTERVAL_MS = 1
const DUE_BYTES = 16
/** Until then, V8 compiles what all of them need, in threads that take part of the broker's one processor. */
const WARMUP_SECONDS = 6
/** How much longer than what counts the load lasts. */
const MARGIN_SECONDS = 3
const P99_MS_MAX = 10
const LOAD = { name: 'pair', options: ['--size', '16'] }

export const lateness: Measure = {
  name: 'lateness',
  description: 'how late messages expire while 1 publisher and 1 consumer are as fast as they can be',
  run: async (bench) => {
    preferThisProcess()
    const rounds = await eachRound(bench, 'lateness', () => runRound(bench))
    const late = (name: 'p50' | 'p99' | 'max', description: string, wanted?: Wanted) =>
      figure(
        { name: `lateness.${name}`, description, unit: 'ms', ...(wanted && { wanted }) },
        rounds.map((of) => of[name] / 1000),
      )
    return [
      late('p50', 'a message that expires beside 1 → 1 at full speed: late by (p50)'),
      late('p99', '– p99', { below: P99_MS_MAX }),
      late('max', '– at most'),
    ]
  },
}

async function runRound(bench: Bench): Promise<Percentiles> {
  const leveret = await LeveretProcess.start(bench.pins)
  try {
    const watch = await Watch.connect(leveret)
    const seconds = bench.length.seconds + MARGIN_SECONDS
    const load = bench.generator.run(LOAD, leveret, { seconds, warmupSeconds: WARMUP_SECONDS }, bench.pins)
    watch.start()
    await sleep((WARMUP_SECONDS + MARGIN_SECONDS / 2) * 1000)
    watch.count()
    await sleep(bench.length.seconds * 1000)
    const late = watch.stop()
    await load
    if (late === undefined) throw new Error('no message expired')
    return late
  } finally {
    await leveret.kill()
  }
}

/** Sends messages that expire, and receives them when they have. */
class Watch {
  readonly #publisher: ClientConnection
  readonly #late = new Histogram()
  readonly #body = Buffer.alloc(DUE_BYTES)
  #timer: NodeJS.Timeout | undefined
  #startedMs = 0
  #sent = 0
  #countsFromMs = Number.POSITIVE_INFINITY

  private constructor(publisher: ClientConnection) {
    this.#publisher = publisher
  }

  static async connect(broker: Broker): Promise<Watch> {
    const publisher = await login(parseBrokerUri(broker.url), READ_BYTES)
    const consumer = await login(parseBrokerUri(broker.url), READ_BYTES)
    const watch = new Watch(publisher)
    await consumer.call('queue.declare', { ...QUEUE, queue: EXPIRED })
    const toExpired = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': EXPIRED }
    for (const ttlMs of TTLS_MS) {
      const table = fieldTable({ 'x-message-ttl': ttlMs, ...toExpired })
      await publisher.call('queue.declare', { ...QUEUE, queue: queueOf(ttlMs), arguments: table })
    }
    await consumer.call('basic.consume', { ...CONSUMER, queue: EXPIRED, noAck: true })
    consumer.receiveWith((view, end) => watch.#receive(view, end))
    return watch
  }

  start(): void {
    this.#startedMs = performance.now()
    this.#timer = setInterval(() => this.#sendDue(), INTERVAL_MS)
  }

  /** From now on it counts how late messages are: all that are sent by now may still come. */
  count(): void {
    this.#countsFromMs = performance.now()
  }

  stop(): Percentiles | undefined {
    clearInterval(this.#timer)
    return this.#late.percentiles()
  }

  #sendDue(): void {
    const due = Math.floor((performance.now() - this.#startedMs) / INTERVAL_MS)
    for (; this.#sent < due; this.#sent++) {
      const ttlMs = TTLS_MS[this.#sent % TTLS_MS.length] ?? TTL_MS_MAX
      this.#body.writeDoubleBE(performance.now() + ttlMs)
      this.#publisher.write(publishFrames('', queueOf(ttlMs), this.#body, { deliveryMode: 1 }))
    }
  }

  #receive(view: DataView, end: number): number {
    const nowMs = performance.now()
    let at = 0
    while (end - at >= FRAME_OVERHEAD_BYTES) {
      const next = at + view.getUint32(at + 3) + FRAME_OVERHEAD_BYTES
      if (next > end) break
      if (view.getUint8(at) === FRAME_BODY && nowMs >= this.#countsFromMs) {
        this.#late.add((nowMs - view.getFloat64(at + FRAME_HEADER_BYTES)) * 1000)
      }
      at = next
    }
    return at
  }
}

function queueOf(ttlMs: number): string {
  return `for-${ttlMs}-ms`
}
