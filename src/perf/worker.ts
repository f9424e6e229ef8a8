import type { ClientConnection } from './client-connection.ts'
import { SharedClock } from './clock.ts'
import { Consumer } from './consumer.ts'
import { Histogram } from './histogram.ts'
import { login } from './login.ts'
import { MessageImage } from './message-image.ts'
import { PerfError } from './perf-error.ts'
import { Publisher } from './publisher.ts'
import { emptyTally, type Recording, type Tally, tallyDifference } from './tally.ts'
import type { PublisherSetup, ToWorker, WorkerPort, WorkerResult, WorkerSetup } from './worker-messages.ts'

const CONSUMER_READ_BYTES = 262_144
const PUBLISHER_READ_BYTES = 16_384
const LOGINS_AT_ONCE = 32
const IMAGE_BYTES_MIN = 131_072

interface Mark {
  readonly atUs: number
  readonly tally: Tally
  readonly cpuUs: number
}

/** One process's share of a run: does what the run says through the port. */
export function startWorker(port: WorkerPort): void {
  const worker = new Worker(port)
  port.onMessage((message) => {
    worker.handle(message).catch((error: unknown) => worker.fail(error))
  })
}

class Worker {
  readonly #port: WorkerPort
  readonly #clock = new SharedClock()
  readonly #recording: Recording = {
    tally: emptyTally(),
    deliveryTimes: new Histogram(),
    confirmTimes: new Histogram(),
    fromUs: Number.POSITIVE_INFINITY,
    untilUs: Number.POSITIVE_INFINITY,
    deliveredAtUs: 0,
  }
  readonly #publishers: Publisher[] = []
  readonly #consumers: Consumer[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #subscribesLate = false
  #images = new Map<string, MessageImage>()
  #from: Mark | undefined
  #until: Mark | undefined
  #isCounting = false
  #publishedAtUs = 0
  #hasFailed = false

  constructor(port: WorkerPort) {
    this.#port = port
  }

  async handle(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'connect':
        await this.#connect(message.setup)
        this.#port.send({ kind: 'ready' })
        return
      case 'go':
        this.#go(message.measureFromUs, message.stopAtUs, message.progressMs)
        return
      case 'stop':
        this.#stop()
        return
      case 'finish':
        this.#port.send({ kind: 'result', result: await this.#finish() })
        return
      default:
        message satisfies never
    }
  }

  fail(error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    const text = error instanceof PerfError ? error.message : String(error instanceof Error ? error.stack : error)
    this.#port.send({ kind: 'failed', text })
  }

  async #connect(setup: WorkerSetup): Promise<void> {
    const openings = [
      ...setup.consumers.map((queues) => () => this.#openConsumer(setup, queues)),
      ...setup.publishers.map((publisher) => () => this.#openPublisher(setup, publisher)),
    ]
    for (let at = 0; at < openings.length; at += LOGINS_AT_ONCE) {
      await Promise.all(openings.slice(at, at + LOGINS_AT_ONCE).map((open) => open()))
    }
    this.#images = new Map()
    this.#subscribesLate = setup.isConsumingOnly
  }

  async #openConsumer(setup: WorkerSetup, queues: readonly string[]): Promise<void> {
    const connection = await this.#login(setup, CONSUMER_READ_BYTES)
    const { prefetch, ackEvery, rejects, hasStamps } = setup
    const manner = { queues, prefetch, ackEvery, rejects, hasStamps }
    const consumer = new Consumer(connection, manner, this.#recording, this.#clock)
    this.#consumers.push(consumer)
    await consumer.prepare()
    if (!setup.isConsumingOnly) await consumer.subscribe()
  }

  async #openPublisher(setup: WorkerSetup, own: PublisherSetup): Promise<void> {
    const connection = await this.#login(setup, PUBLISHER_READ_BYTES)
    const pace = {
      rate: setup.rate,
      phase: own.phase,
      confirms: setup.confirm,
      writeBytes: setup.writeBytes,
      messagesMax: own.messagesMax,
      hasStamps: setup.hasStamps,
    }
    const image = this.#image(setup, own, connection.frameMaxBytes)
    const publisher = new Publisher(connection, image, pace, this.#recording, this.#clock)
    this.#publishers.push(publisher)
    await publisher.prepare()
  }

  async #login(setup: WorkerSetup, readBytes: number): Promise<ClientConnection> {
    const connection = await login(setup.broker, readBytes)
    connection.onLost = (error) => this.fail(error)
    return connection
  }

  /** Publishers that send the same bytes share them, unless each puts its own times there. */
  #image(setup: WorkerSetup, own: PublisherSetup, frameMaxBytes: number): MessageImage {
    const key = JSON.stringify([own.keys, frameMaxBytes])
    const known = setup.hasStamps ? undefined : this.#images.get(key)
    if (known !== undefined) return known
    const image = new MessageImage({
      exchange: own.exchange,
      keys: own.keys,
      bodyBytes: setup.size,
      isPersistent: setup.isPersistent,
      priorityMax: setup.priorityMax,
      frameMaxBytes,
      imageBytesMin: Math.max(IMAGE_BYTES_MIN, 2 * setup.writeBytes),
    })
    this.#images.set(key, image)
    return image
  }

  #go(measureFromUs: number, stopAtUs: number | undefined, progressMs: number): void {
    const nowUs = this.#clock.nowUs()
    this.#isCounting = stopAtUs === undefined
    if (stopAtUs === undefined) this.#measure()
    else {
      this.#timers.push(setTimeout(() => this.#measure(), (measureFromUs - nowUs) / 1000))
      this.#timers.push(setTimeout(() => this.#stop(), (stopAtUs - nowUs) / 1000))
    }
    this.#timers.push(setInterval(() => this.#tellProgress(), progressMs))
    this.#begin().catch((error: unknown) => this.fail(error))
  }

  #measure(): void {
    this.#from = this.#mark()
    this.#recording.fromUs = this.#from.atUs
  }

  async #begin(): Promise<void> {
    if (this.#subscribesLate) await Promise.all(this.#consumers.map((consumer) => consumer.subscribe()))
    await Promise.all(this.#publishers.map((publisher) => finished(publisher)))
    this.#publishedAtUs = this.#clock.nowUs()
    // Where there is no publisher, the time that was set ends the run.
    if (this.#publishers.length > 0 || this.#isCounting) this.#port.send({ kind: 'publishersDone' })
  }

  #stop(): void {
    if (this.#until !== undefined) return
    this.#from ??= this.#mark() // stopped before the measuring began
    this.#until = this.#mark()
    this.#recording.untilUs = this.#until.atUs
    for (const publisher of this.#publishers) publisher.stop()
    if (this.#publishers.length === 0) this.#port.send({ kind: 'publishersDone' })
  }

  async #finish(): Promise<WorkerResult> {
    for (const timer of this.#timers) clearTimeout(timer)
    const hasStoppedEarly = this.#until !== undefined
    const until = this.#until ?? this.#mark()
    const from = this.#from ?? until
    await Promise.all(this.#consumers.map((consumer) => consumer.finish()))
    const seconds = (until.atUs - from.atUs) / 1_000_000
    const { deliveryTimes, confirmTimes, deliveredAtUs } = this.#recording
    const ownSeconds = (atUs: number): number =>
      this.#isCounting && !hasStoppedEarly ? Math.max(0, (atUs - from.atUs) / 1_000_000) : seconds
    return {
      measured: tallyDifference(until.tally, from.tally),
      publishSeconds: ownSeconds(this.#publishedAtUs),
      consumeSeconds: ownSeconds(deliveredAtUs),
      cpuSeconds: (until.cpuUs - from.cpuUs) / 1_000_000,
      cpuOfSeconds: seconds,
      deliveryTimes: deliveryTimes.counts(),
      confirmTimes: confirmTimes.counts(),
      unconfirmed: this.#publishers.reduce((sum, publisher) => sum + publisher.unconfirmed, 0),
      blockedSeconds: this.#publishers.reduce((sum, publisher) => sum + publisher.blockedSeconds, 0),
      blockedReason: this.#blockedReason(),
    }
  }

  #mark(): Mark {
    const cpu = process.cpuUsage()
    return { atUs: this.#clock.nowUs(), tally: { ...this.#recording.tally }, cpuUs: cpu.user + cpu.system }
  }

  #tellProgress(): void {
    const blockedReason = this.#blockedReason()
    this.#port.send({ kind: 'progress', tally: { ...this.#recording.tally }, blockedReason })
  }

  #blockedReason(): string | undefined {
    return this.#publishers.find((publisher) => publisher.wasBlockedFor !== undefined)?.wasBlockedFor
  }
}

/** Runs a publisher until it has stopped and the broker has taken all of it. */
async function finished(publisher: Publisher): Promise<void> {
  await new Promise<void>((resolve) => {
    publisher.onStopped = resolve
    publisher.start()
  })
  await publisher.finish()
}
