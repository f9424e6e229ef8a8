import type { BrokerUri } from './broker-uri.ts'
import type { HistogramCounts } from './histogram.ts'
import type { Tally } from './tally.ts'

// The run, told to the processes that share its connections:
//
//   run → worker   connect   go           (stop)                   finish
//   worker → run       ready     progress…       publishersDone            result
//
// `stop` ends the measuring and the publishing early; with `go.stopAtUs` that happens by itself. A worker that cannot go
// on says `failed` at any time.

export interface PublisherSetup {
  readonly exchange: string
  /** Used in turn. */
  readonly keys: readonly string[]
  readonly messagesMax: number
  /** See Pacer. */
  readonly phase: number
}

export interface WorkerSetup {
  readonly broker: BrokerUri
  readonly publishers: readonly PublisherSetup[]
  /** For each consumer its queues. */
  readonly consumers: readonly (readonly string[])[]
  readonly size: number
  readonly rate: number
  readonly confirm: number
  readonly writeBytes: number
  readonly isPersistent: boolean
  readonly priorityMax: number | undefined
  readonly ackEvery: number
  readonly rejects: boolean
  readonly prefetch: number
  readonly hasStamps: boolean
  /** There are no publishers: then what consumers get counts from the first message on. */
  readonly isConsumingOnly: boolean
}

export type ToWorker =
  | { readonly kind: 'connect'; readonly setup: WorkerSetup }
  | {
      readonly kind: 'go'
      /** On the shared clock. */
      readonly measureFromUs: number
      readonly stopAtUs: number | undefined
      readonly progressMs: number
    }
  | { readonly kind: 'stop' }
  | { readonly kind: 'finish' }

export interface WorkerResult {
  /** Of the time that was measured. */
  readonly measured: Tally
  readonly publishSeconds: number
  readonly consumeSeconds: number
  /** Processor time of the worker, and the time in which it was used. */
  readonly cpuSeconds: number
  readonly cpuOfSeconds: number
  readonly deliveryTimes: HistogramCounts
  readonly confirmTimes: HistogramCounts
  readonly unconfirmed: number
  /** Summed over the publishers. */
  readonly blockedSeconds: number
  readonly blockedReason: string | undefined
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly tally: Tally; readonly blockedReason: string | undefined }
  | { readonly kind: 'publishersDone' }
  | { readonly kind: 'result'; readonly result: WorkerResult }
  | { readonly kind: 'failed'; readonly text: string }

/** A worker's end of the line. */
export interface WorkerPort {
  send(message: FromWorker): void
  onMessage(listener: (message: ToWorker) => void): void
}
