import { Bench } from 'tinybench'

/** One line of a suite. A call of `run` does `operations` operations; only these calls are timed. */
export interface BenchmarkCase {
  readonly name: string
  readonly operations: number
  /** Payload of one operation, where a throughput in bytes says something. */
  readonly bytes?: number
  readonly run: () => void | Promise<void>
  /** Not timed: before and after each call of `run`. */
  readonly before?: () => void
  readonly after?: () => void
}

export interface Suite {
  readonly name: string
  /** What one operation is, in a sentence, with the durability setting. */
  readonly note: string
  readonly cases: readonly BenchmarkCase[]
}

export interface CaseResult {
  readonly suite: string
  readonly name: string
  readonly operationsPerSecond: number
  readonly usPerOperation: number
  /** Half of the 95 % confidence interval, in percent of the mean. */
  readonly marginPercent: number
  readonly megabytesPerSecond: number | null
  readonly operationsPerCall: number
  readonly calls: number
}

const WARMUP_MS = 100
const CALLS_MIN = 5

/** Runs all cases of a suite, one after the other, each for `timeMs`. */
export async function runSuite(suite: Suite, timeMs: number): Promise<CaseResult[]> {
  const bench = new Bench({
    time: timeMs,
    iterations: CALLS_MIN,
    warmupTime: WARMUP_MS,
    warmupIterations: CALLS_MIN,
    throws: true,
  })
  for (const each of suite.cases) bench.add(each.name, () => timedCall(each, bench))
  await bench.run()
  return suite.cases.map((each) => resultOf(suite, each, bench))
}

/** Only `run` counts as the duration, but the whole call counts for the time that the case may take. */
async function timedCall({ before, run, after }: BenchmarkCase, bench: Bench) {
  const calledAt = bench.now()
  before?.()
  const startedAt = bench.now()
  const underWay = run()
  if (underWay !== undefined) await underWay
  const overriddenDuration = bench.now() - startedAt
  after?.()
  return { overriddenDuration, overriddenIterationCost: bench.now() - calledAt }
}

function resultOf(suite: Suite, each: BenchmarkCase, bench: Bench): CaseResult {
  const result = bench.getTask(each.name)?.result
  if (result?.state !== 'completed') throw new Error(`${suite.name}: '${each.name}' did not complete`)
  const usPerOperation = (result.latency.mean * 1000) / each.operations
  const operationsPerSecond = 1_000_000 / usPerOperation
  return {
    suite: suite.name,
    name: each.name,
    operationsPerSecond: Math.round(operationsPerSecond),
    usPerOperation: Number(usPerOperation.toPrecision(3)),
    marginPercent: Number(result.latency.rme.toFixed(1)),
    megabytesPerSecond: each.bytes === undefined ? null : Math.round((operationsPerSecond * each.bytes) / 1e6),
    operationsPerCall: each.operations,
    calls: result.latency.samplesCount,
  }
}
