import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How the broker was at one moment. */
export interface Sample {
  readonly atSec: number
  /** The number of the process, from 1. */
  readonly life: number
  readonly residentBytes: number
  /** What the data folder takes on the disk. */
  readonly diskBytes: number
  /** Bodies of the messages that are not settled. */
  readonly liveBytes: number
  readonly openFiles: number
}

const COLUMNS = ['atSec', 'life', 'residentBytes', 'diskBytes', 'liveBytes', 'openFiles'] as const
/** Of what `stat` counts in. */
const BLOCK_BYTES = 512

/** Looks at a process and at its data folder; undefined when the process is gone. */
export function takeSample(
  pid: number,
  folder: string,
  rest: Pick<Sample, 'atSec' | 'life' | 'liveBytes'>,
): Sample | undefined {
  try {
    const residentBytes = residentBytesOf(pid)
    if (residentBytes === undefined) return undefined
    const openFiles = readdirSync(`/proc/${pid}/fd`).length
    return { ...rest, residentBytes, openFiles, diskBytes: usedBytes(folder) }
  } catch {
    return undefined
  }
}

function residentBytesOf(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** As `du` would count. Files may go while it counts. */
export function usedBytes(folder: string): number {
  let bytes = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    bytes += (statSync(join(folder, name), { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES
  }
  return bytes
}

/** A table of samples that grows while the soak runs. */
export class CsvFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    writeFileSync(path, `${COLUMNS.join(',')}\n`)
  }

  add(sample: Sample): void {
    appendFileSync(this.#path, `${COLUMNS.map((name) => sample[name]).join(',')}\n`)
  }
}
