import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Two processes with the same text know each other by number: containers of one machine, even under its name, count their own. */
export function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return hostname() // only Linux counts processes apart
  }
}
