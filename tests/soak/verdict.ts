// What the samples of a soak say: whether anything grew that should have stayed as it was. The first third of the time is
// left out, because the broker warms up; the last third is compared with the one before.
import type { Sample } from './samples.ts'

const MEBIBYTE = 1024 * 1024
/** A third has at least so many samples, or nothing can be said. */
const SAMPLES_MIN = 5

export interface VerdictLimits {
  /** The disk may take twice the live bytes, and this. */
  readonly diskConstantBytes: number
  readonly residentBytesMax: number
}

/** One thing that was looked at. */
export interface Finding {
  readonly text: string
  readonly isGood: boolean
}

export function verdict(samples: readonly Sample[], limits: VerdictLimits): Finding[] {
  const endSec = samples.at(-1)?.atSec ?? 0
  const middle = samples.filter(({ atSec }) => atSec >= endSec / 3 && atSec < (endSec * 2) / 3)
  const last = samples.filter(({ atSec }) => atSec >= (endSec * 2) / 3)
  if (Math.min(middle.length, last.length) < SAMPLES_MIN) {
    return [{ text: `${samples.length} samples are too few to say anything`, isGood: false }]
  }
  const overhead = ({ diskBytes, liveBytes }: Sample): number => diskBytes - liveBytes
  const resident = ({ residentBytes }: Sample): number => residentBytes
  return [
    diskBound([...middle, ...last], limits.diskConstantBytes),
    grows('disk beyond live bytes, least', least(middle.map(overhead)), least(last.map(overhead)), 0, 24 * MEBIBYTE),
    grows('disk beyond live bytes, most', most(middle.map(overhead)), most(last.map(overhead)), 0.25, 24 * MEBIBYTE),
    atMost('resident memory, most', most([...middle, ...last].map(resident)), limits.residentBytesMax),
    grows('resident memory, most', most(middle.map(resident)), most(last.map(resident)), 0.2, 32 * MEBIBYTE),
    grows('resident memory, median', median(middle.map(resident)), median(last.map(resident)), 0.2, 32 * MEBIBYTE),
    growsInLife(samples),
    openFiles(middle, last),
  ]
}

function diskBound(samples: readonly Sample[], constantBytes: number): Finding {
  const beyond = most(samples.map(({ diskBytes, liveBytes }) => diskBytes - 2 * liveBytes))
  return atMost('disk beyond twice the live bytes, most', beyond, constantBytes)
}

/** A leak shows within a life, for a restart makes good for it. */
function growsInLife(samples: readonly Sample[]): Finding {
  const early: number[] = []
  const late: number[] = []
  for (const life of new Set(samples.map((sample) => sample.life))) {
    const resident = samples.filter((sample) => sample.life === life).map(({ residentBytes }) => residentBytes)
    const third = Math.floor(resident.length / 3)
    if (third === 0) continue
    early.push(median(resident.slice(third, 2 * third)))
    late.push(median(resident.slice(-third)))
  }
  return grows('resident memory in the course of a life, mean', mean(early), mean(late), 0.2, 24 * MEBIBYTE)
}

function openFiles(middle: readonly Sample[], last: readonly Sample[]): Finding {
  const [before, after] = [middle, last].map((third) => most(third.map((sample) => sample.openFiles))) as [
    number,
    number,
  ]
  return { text: `open files, most: ${before}, then ${after}`, isGood: after <= before * 1.25 + 16 }
}

function grows(name: string, before: number, after: number, share: number, slackBytes: number): Finding {
  return {
    text: `${name}: ${mib(before)}, then ${mib(after)}`,
    isGood: after <= Math.max(0, before) * (1 + share) + slackBytes,
  }
}

function atMost(name: string, bytes: number, limitBytes: number): Finding {
  return { text: `${name}: ${mib(bytes)} of ${mib(limitBytes)} allowed`, isGood: bytes <= limitBytes }
}

export function mib(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(0)} MiB`
}

const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
