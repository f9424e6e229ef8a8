import { forkWorker } from '../perf/fleet.ts'
import { parsePerfOptions } from '../perf/options.ts'
import { PerfError } from '../perf/perf-error.ts'
import { planRun, type RunPlan } from '../perf/plan.ts'
import { runPerf } from '../perf/run.ts'
import { summaryLines } from '../perf/summary.ts'
import { ExitCode } from './exit-code.ts'

const EXIT_INTERRUPTED = 130
/** npm and others pass on a Ctrl-C that has come from the terminal already: that is no second one. */
const SECOND_SIGNAL_MS = 500

/** Does a run from the texts of its options to the printed result. Returns the exit code. */
export async function perf(texts: { readonly [name: string]: readonly string[] | undefined }): Promise<number> {
  let plan: RunPlan
  try {
    plan = planRun(parsePerfOptions(texts))
  } catch (error) {
    return complain(error, ExitCode.usage)
  }
  const interruption = new AbortController()
  let interruptedAtMs = Number.POSITIVE_INFINITY
  const onSignal = (): void => {
    if (performance.now() - interruptedAtMs > SECOND_SIGNAL_MS) process.exit(EXIT_INTERRUPTED)
    interruptedAtMs = Math.min(interruptedAtMs, performance.now())
    interruption.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    const report = await runPerf(plan, { spawn: forkWorker, signal: interruption.signal, tell: printError })
    print(plan.options.json ? JSON.stringify(report, undefined, 2) : summaryLines(report).join('\n'))
    return report.isInterrupted ? EXIT_INTERRUPTED : ExitCode.done
  } catch (error) {
    return complain(error, ExitCode.failure)
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

function complain(error: unknown, exitCode: number): number {
  if (!(error instanceof PerfError)) throw error
  printError(`leveret perf: ${error.message}`)
  return exitCode
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function printError(text: string): void {
  process.stderr.write(`${text}\n`)
}
