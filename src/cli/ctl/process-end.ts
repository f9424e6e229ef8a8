import { readFileSync } from 'node:fs'

/** Whether a process of this machine has ended. */
export function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  return isZombie(pid)
}

/** It has ended, and its parent has not looked yet. Linux tells; elsewhere it counts as running until then. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, in brackets, may have anything in it.
    return /^\) Z /.test(stat.slice(stat.lastIndexOf(')')))
  } catch {
    return false
  }
}
