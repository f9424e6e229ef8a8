/** What goes through all virtual hosts, counted where it happens: sizes of messages, and what died of what. */
import { Histogram } from '../../lib/histogram.ts'

/** RabbitMQ's, in bytes. */
const SIZE_BOUNDS: readonly number[] = [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000]

/** Dead letters of queues with one type and one strategy. */
export class DeathCounts {
  readonly rejected = { count: 0 }
  readonly expired = { count: 0 }
  readonly maxlen = { count: 0 }
  readonly delivery_limit = { count: 0 }
  /** Of those that have to arrive, these have. */
  arrived = 0
}

export class TrafficFigures {
  /** Bytes of the bodies of messages that were published. */
  readonly messageSizes = new Histogram(SIZE_BOUNDS)
  readonly classicDeaths = new DeathCounts()
  readonly quorumDeaths = new DeathCounts()
  /** Of queues from which each has to arrive. */
  readonly safeQuorumDeaths = new DeathCounts()
}
