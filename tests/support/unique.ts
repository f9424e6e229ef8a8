import { randomBytes } from 'node:crypto'

const RUN = randomBytes(4).toString('hex')
let count = 0

/** A name no other test uses, on a broker that may be shared with earlier runs. */
export function unique(prefix: string): string {
  count++
  return `${prefix}-${RUN}-${count}`
}
