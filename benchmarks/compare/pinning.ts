import { execFileSync } from 'node:child_process'
import { availableParallelism, setPriority } from 'node:os'

/** The broker that is measured has this processor for itself, and the generator the other. */
export const BROKER_PROCESSOR = 0
export const GENERATOR_PROCESSOR = 1

const TASKSET = 'taskset'
/** The right to a processor that one who measures times has over those who make load, where the system grants it. */
const PRIORITY = -10

let answer: boolean | undefined

/** Whether processes can be tied to processors here. The first answer stays: once this one is tied to a processor, it knows of no other. */
export function canPin(): boolean {
  answer ??= hasProcessors()
  return answer
}

function hasProcessors(): boolean {
  if (availableParallelism() < 2) return false
  try {
    execFileSync(TASKSET, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A command line that runs on one processor, where that is possible. */
export function pinned(processor: number, command: readonly string[], pins: boolean): readonly string[] {
  return pins ? [TASKSET, '-c', String(processor), ...command] : command
}

/** Ties all threads of a process to one processor; returns what undoes it. */
export function pinProcess(pid: number, processor: number): () => void {
  const before = affinity(pid)
  taskset(['-a', '-p', '-c', String(processor), String(pid)])
  return () => taskset(['-a', '-p', '-c', before, String(pid)])
}

function affinity(pid: number): string {
  const told = execFileSync(TASKSET, ['-p', '-c', String(pid)], { encoding: 'utf8' })
  const list = told.trim().split(': ').at(-1)
  if (list === undefined) throw new Error(`taskset does not say where process ${pid} runs`)
  return list
}

/** Has this process come before the load generator on their processor. */
export function preferThisProcess(): void {
  try {
    setPriority(PRIORITY)
  } catch {
    console.error('warning: without the right to a higher priority, messages also wait for the load generator')
  }
}

/** A process that has ended meanwhile needs no place any more. */
function taskset(args: readonly string[]): void {
  try {
    execFileSync(TASKSET, args, { stdio: 'ignore' })
  } catch {
    console.error(`warning: taskset ${args.join(' ')} failed`)
  }
}
