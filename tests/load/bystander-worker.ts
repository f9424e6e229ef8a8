/** The bystander in a thread of its own: what the load keeps this process busy with is none of the broker's doing. */
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import type { Percentiles } from '../../src/perf/histogram.ts'
import { Bystander } from './bystander.ts'
import type { Target } from './load-client.ts'

/** The right to the processor that this thread has over the load, where the system grants it. */
const PRIORITY = -10

/** How it fared. */
export interface Report {
  readonly latencyUs: Percentiles | undefined
  /** Why it ended before its time. */
  readonly failure: string | undefined
}

/** Starts it; what this returns ends it. */
export async function startBystander(target: Target): Promise<() => Promise<Report>> {
  const worker = new Worker(new URL(import.meta.url), { workerData: target })
  await once(worker, 'message')
  return async () => {
    worker.postMessage('stop')
    const [report] = await once(worker, 'message')
    await worker.terminate()
    return report
  }
}

if (parentPort !== null) {
  const port = parentPort
  preferThisThread()
  const bystander = await Bystander.start(workerData)
  port.postMessage('started')
  await once(port, 'message')
  const { failure } = bystander
  const report: Report = { latencyUs: await bystander.stop(), failure }
  port.postMessage(report)
}

function preferThisThread(): void {
  try {
    setPriority(PRIORITY)
  } catch {
    console.error('warning: without the right to a higher priority, the bystander also waits for the load')
  }
}
