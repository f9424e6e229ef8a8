/**
 * V8 compiles and collects garbage in threads of its own. Where the broker has a processor to itself, they take it away from
 * the event loop for 4 ms at a time, and a client's messages wait for that long. With a lower priority they have what
 * the event loop leaves over, and wherever it waits for them they run all the same.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { nodeFlags } from '../../lib/node-flags.ts'

/** By so much less than the event loop: they have a tenth of its right to a processor. */
const NICENESS = 10
const NAME = /V8Worker$/
/** Before Node.js 24 they have no name; they are the first ones that Node.js makes, unless it is told to make another number. */
const UNNAMED_COUNT = 5
const COUNT_FLAG = /--v8[-_]pool[-_]size/
const TASKS = '/proc/self/task'

/**
 * Lowers the priority of V8's threads, on Linux; how many. Others of the process, such as those that write to the disk, keep
 * theirs.
 */
export function lowerHelperThreads(): number {
  if (process.platform !== 'linux') return 0
  try {
    const threads = helperThreads()
    const niceness = Math.min(getPriority() + NICENESS, constants.priority.PRIORITY_LOW)
    for (const id of threads) setPriority(id, niceness)
    return threads.length
  } catch {
    return 0 // without /proc, or without the right to it, they compete with the event loop
  }
}

function helperThreads(): readonly number[] {
  // The system lists threads in the order in which they were made.
  const others = readdirSync(TASKS).filter((id) => Number(id) !== process.pid)
  const named = others.filter((id) => NAME.test(readFileSync(`${TASKS}/${id}/comm`, 'utf8').trim()))
  if (named.length > 0) return named.map(Number)
  return COUNT_FLAG.test(nodeFlags()) ? [] : others.slice(0, UNNAMED_COUNT).map(Number)
}
