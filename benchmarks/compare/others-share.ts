import { cpus } from 'node:os'
import { processUsage } from '../../src/perf/process-usage.ts'

/** A little is always taken: by the system, and by what counts in steps of 10 ms. */
const SHARE_MAX = 0.1

interface Sample {
  readonly atMs: number
  /** How long the processor has worked for any program. */
  readonly busyMs: number
  /** How long it, or another one, has worked for the process. */
  readonly ownMs: number
}

/**
 * Watches the processor that a process is tied to. The returned function says which share of it other programs have had
 * since, or `undefined` when that was next to nothing. Where they had much, broker and generator seem to wait for each
 * other, and rates say little.
 */
export function watchOthers(processor: number, pid: number): () => number | undefined {
  const before = sample(processor, pid)
  return () => {
    const after = sample(processor, pid)
    const othersMs = after.busyMs - before.busyMs - (after.ownMs - before.ownMs)
    const share = othersMs / (after.atMs - before.atMs)
    return share > SHARE_MAX ? share : undefined
  }
}

function sample(processor: number, pid: number): Sample {
  const times = cpus()[processor]?.times ?? { user: 0, nice: 0, sys: 0 }
  return {
    atMs: performance.now(),
    busyMs: times.user + times.nice + times.sys,
    ownMs: processUsage(pid).cpuSeconds * 1000,
  }
}
