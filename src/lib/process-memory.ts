import { totalmem } from 'node:os'
import { cgroupMemoryBytes } from './cgroup-memory.ts'

/** The memory this process may use: the machine's, or less when a control group (a container) limits it. */
export function processMemoryBytes(cgroupBytes: number = cgroupMemoryBytes()): number {
  // 0 or an absurdly large number when nothing limits the process; never undefined since Node 20.13.
  const limitBytes = process.constrainedMemory()
  return Math.min(totalmem(), cgroupBytes, limitBytes > 0 ? limitBytes : Number.POSITIVE_INFINITY)
}
