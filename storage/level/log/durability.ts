/** What has to be on the disk before a publish is confirmed. */
export type Durability = 'sync' | 'interval' | 'os'

const DURABILITIES: readonly string[] = ['sync', 'interval', 'os']

/** Throws RangeError for what is none: a mistake here would cost messages. */
export function requireDurability(durability: string): void {
  if (DURABILITIES.includes(durability)) return
  throw new RangeError(`durability is '${durability}', and must be one of ${DURABILITIES.join(', ')}`)
}
