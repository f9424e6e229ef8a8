import type { ClientConnection } from './client-connection.ts'
import { SharedClock } from './clock.ts'
import { Fleet, type SpawnWorker } from './fleet.ts'
import { login } from './login.ts'
import type { PerfOptions } from './options.ts'
import { PerfError } from './perf-error.ts'
import type { RunPlan } from './plan.ts'
import { ProgressLines } from './progress-lines.ts'
import { Purger } from './purger.ts'
import { makeReport, type PerfReport } from './report.ts'
import { Topology } from './topology.ts'
import { UsageWatch } from './usage-watch.ts'

const READ_BYTES = 16_384
/** Between telling the workers to begin and their beginning. */
const HEAD_START_US = 50_000
const PROGRESS_MS = 50
const DRAIN_POLL_MS = 150

export interface RunSurroundings {
  readonly spawn: SpawnWorker
  /** Aborted: ends the run early, but in good order and with a report. */
  readonly signal: AbortSignal
  /** Takes what is worth telling while the run goes on. */
  readonly tell: (line: string) => void
}

/** Loads a broker as planned and cleans up. Throws a `PerfError` when that is not possible. */
export async function runPerf(plan: RunPlan, around: RunSurroundings): Promise<PerfReport> {
  const { options } = plan
  const usage = new UsageWatch(options.brokerPid)
  const control = await login(plan.broker, READ_BYTES)
  const topology = new Topology(control, {
    queues: plan.queues,
    exchange: options.exchange,
    exchangeType: options.exchangeType,
    bindingKeys: plan.bindingKeys,
    isDurable: options.durable,
    queueArguments: plan.queueArguments,
  })
  try {
    await topology.declare()
    const report = await load(plan, topology, usage, around)
    if (!options.keep) await topology.remove()
    return report
  } catch (error) {
    await cleanUp(control, topology, options.keep)
    throw error
  } finally {
    await control.close()
  }
}

/** After a failure: what cannot be deleted now does not matter as much as the failure. */
async function cleanUp(control: ClientConnection, topology: Topology, keep: boolean): Promise<void> {
  if (keep || !control.isOpen) return
  await topology.remove().catch(() => undefined)
}

async function load(
  plan: RunPlan,
  topology: Topology,
  usage: UsageWatch,
  around: RunSurroundings,
): Promise<PerfReport> {
  const { options } = plan
  const fleet = new Fleet(plan.workers, around.spawn)
  const purger = new Purger(topology, options.purgeMs)
  const lines = new ProgressLines(fleet, options.verbose, around.tell)
  const stopEarly = (): void => {
    usage.stop()
    fleet.tell({ kind: 'stop' })
  }
  try {
    await unlessAborted(fleet.allReady(), around.signal)
    around.signal.addEventListener('abort', stopEarly)
    begin(options, fleet, usage)
    purger.start()
    lines.start()
    await fleet.allPublished()
    await purger.stop()
    if (options.count !== undefined) await consumedAll(options, fleet, topology, around.signal)
    usage.stop()
    fleet.tell({ kind: 'finish' })
    await fleet.allFinished()
    return makeReport(options, fleet, { purged: purger.purged, usage, isInterrupted: around.signal.aborted })
  } finally {
    around.signal.removeEventListener('abort', stopEarly)
    lines.stop()
    await purger.stop()
    fleet.dismiss()
  }
}

function begin(options: PerfOptions, fleet: Fleet, usage: UsageWatch): void {
  if (options.count !== undefined) {
    usage.start()
    fleet.tell({ kind: 'go', measureFromUs: 0, stopAtUs: undefined, progressMs: PROGRESS_MS })
    return
  }
  const measureFromUs = new SharedClock().nowUs() + HEAD_START_US + options.warmup * 1_000_000
  const stopAtUs = measureFromUs + options.time * 1_000_000
  usage.startIn((HEAD_START_US + options.warmup * 1_000_000) / 1000, options.time * 1000)
  fleet.tell({ kind: 'go', measureFromUs, stopAtUs, progressMs: PROGRESS_MS })
}

/** Until the queues are empty and the consumers have been idle for a moment, or have got what they were to get. */
async function consumedAll(options: PerfOptions, fleet: Fleet, topology: Topology, signal: AbortSignal): Promise<void> {
  if (options.consumers === 0) return
  if (options.publishers === 0) {
    await Promise.race([fleet.consumedAtLeast(options.count ?? 0), aborted(signal)])
    return
  }
  let before = -1
  while (!signal.aborted) {
    await pause(DRAIN_POLL_MS)
    const { consumed } = fleet.tally
    if ((await topology.depth()) === 0 && consumed === before) return
    before = consumed
  }
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  await Promise.race([promise, aborted(signal)])
  if (signal.aborted) throw new PerfError('stopped before the run began')
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
