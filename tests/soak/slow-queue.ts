// A queue that grows far beyond the broker's memory and is drained again, over and over. Its model is a few numbers,
// however long the queue: ids have no gaps, a body says its id, and the id says how large the body is.
import { commitBarrier, connect, declareQueue, type Stage } from '../crash/actors.ts'
import { bodyOf, idOf } from '../crash/model.ts'
import { Random } from '../malice/random.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const QUEUE = 'slow'
const WINDOW = 200
const PREFETCH = 200
const ACK_EVERY = 20
const COMMIT_EVERY = 500
const DRAINED_BYTES = 1024 * 1024

function bodyBytesOf(id: number): number {
  const random = new Random(id)
  return random.onceIn(100) ? 100_000 + random.below(200_000) : 12 + random.below(random.onceIn(2) ? 12_000 : 500)
}

/** Everything up to an id was asked for or promised: the queue holds what lies between the acks and the publishes. */
export class SlowQueueModel {
  readonly #fillBytes: number
  publishedTo = 0
  confirmedTo = 0
  ackedTo = 0
  /** The acks up to here went through a commit. */
  ackKeptTo = 0
  liveBytes = 0
  isDraining = false
  /** How often it was full, and empty again. */
  fillCount = 0
  drainCount = 0

  constructor(fillBytes: number) {
    this.#fillBytes = fillBytes
  }

  published(): number {
    const id = ++this.publishedTo
    this.liveBytes += bodyBytesOf(id)
    if (!this.isDraining && this.liveBytes >= this.#fillBytes) {
      this.isDraining = true
      this.fillCount++
    }
    return id
  }

  acked(id: number): void {
    while (this.ackedTo < id) this.liveBytes -= bodyBytesOf(++this.ackedTo)
    if (this.isDraining && this.liveBytes <= DRAINED_BYTES) {
      this.isDraining = false
      this.drainCount++
    }
  }

  /** What is wrong with what is there after a crash; from then on, that is how it is. */
  recovered(first: number | undefined, count: number): string[] {
    const { ackKeptTo, ackedTo, confirmedTo, publishedTo } = this
    const problems: string[] = []
    const head = first ?? Math.max(ackedTo, confirmedTo) + 1
    const last = head + count - 1
    if (head <= ackKeptTo) problems.push(`${QUEUE}: message ${head} is back, all up to ${ackKeptTo} were settled`)
    if (head > ackedTo + 1) problems.push(`${QUEUE}: messages ${ackedTo + 1} to ${head - 1} are missing`)
    if (last < confirmedTo) problems.push(`${QUEUE}: it ends with ${last}, ${confirmedTo} was confirmed`)
    if (last > publishedTo) problems.push(`${QUEUE}: it ends with ${last}, ${publishedTo} was the last published`)
    this.ackedTo = head - 1
    this.ackKeptTo = head - 1
    this.publishedTo = last
    this.confirmedTo = last
    this.liveBytes = 0
    for (let id = head; id <= last; id++) this.liveBytes += bodyBytesOf(id)
    return problems
  }
}

/** Publishes as fast as confirms allow until the queue is full, and little while it is drained. */
export async function fillingSlowQueue(stage: Stage, slow: SlowQueueModel): Promise<void> {
  const client = await connect(stage)
  const channel = await client.channel(1)
  await channel.call('confirm.select')
  const before = slow.confirmedTo
  const early = new Set<number>()
  const confirmed = async (): Promise<void> => {
    const { args } = await channel.expect('basic.ack')
    const id = before + Number(args.deliveryTag)
    if (args.multiple) slow.confirmedTo = Math.max(slow.confirmedTo, id)
    else early.add(id)
    while (early.delete(slow.confirmedTo + 1)) slow.confirmedTo++
    for (const one of early) if (one <= slow.confirmedTo) early.delete(one)
  }
  for (;;) {
    for (let left = slow.isDraining ? 1 : 20; left > 0; left--) {
      const id = slow.published()
      channel.publish({ routingKey: QUEUE, body: bodyOf(id, bodyBytesOf(id)), properties: { deliveryMode: 2 } })
    }
    const window = slow.isDraining ? 0 : WINDOW
    while (slow.publishedTo - slow.confirmedTo > window) await confirmed()
    await new Promise((resolve) => setTimeout(resolve, slow.isDraining ? 20 : 5))
  }
}

/** Takes little while the queue fills, then all it can get. Every message must be the one behind the last. */
export async function drainingSlowQueue(stage: Stage, slow: SlowQueueModel): Promise<void> {
  const client = await connect(stage)
  const channel = await client.channel(1)
  const barrier = await client.channel(2)
  await channel.call('basic.qos', { prefetchCount: PREFETCH })
  await channel.consume(QUEUE)
  let received = slow.ackedTo
  for (;;) {
    const { args, content } = await channel.delivery()
    const id = idOf(content.body)
    if (id !== ++received) throw new Error(`${QUEUE}: message ${id} was delivered, and ${received} was due`)
    if (!content.body.equals(bodyOf(id, bodyBytesOf(id)))) throw new Error(`${QUEUE}: message ${id} has another body`)
    if (id % ACK_EVERY === 0 || id === slow.publishedTo) {
      slow.acked(id)
      channel.ack(Number(args.deliveryTag), true)
    }
    if (id % COMMIT_EVERY === 0) await commit(barrier, slow)
    // Slower than the publisher is, but never so slow that a waiting one gives up.
    if (!slow.isDraining) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function commit(barrier: RawChannel, slow: SlowQueueModel): Promise<void> {
  const { ackedTo } = slow
  await commitBarrier(barrier, QUEUE)
  slow.ackKeptTo = Math.max(slow.ackKeptTo, ackedTo)
}

/** Holds the ends of the queue against the model; what lies between is looked at when it is drained. */
export async function slowQueueProblems(stage: Stage, slow: SlowQueueModel): Promise<string[]> {
  const client = await connect(stage)
  const channel = await client.channel(1)
  const { args } = await declareQueue(channel, QUEUE)
  const count = Number(args.messageCount)
  const head = count === 0 ? undefined : await channel.get(QUEUE)
  await client.close()
  return slow.recovered(head === undefined ? undefined : idOf(head.content.body), count)
}
