import { totalmem } from 'node:os'

/** The memory this process may use: the machine's, or less when a control group (a container) limits it. */
export function processMemoryBytes(): number {
  const machineBytes = totalmem()
  // 0 or an absurdly large number when nothing limits the process; never undefined since Node 20.13.
  const limitBytes = process.constrainedMemory()
  return limitBytes > 0 && limitBytes < machineBytes ? limitBytes : machineBytes
}
