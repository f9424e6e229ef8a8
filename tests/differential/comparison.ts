// Where two brokers differ, and what kind of difference it is.
import { EVENED, type Evened, KNOWN, type Known } from './known.ts'
import type { Entry } from './session.ts'
import { callsOf, type Step } from './step.ts'

export interface Difference {
  readonly index: number
  /** Undefined for what is looked at behind the last step. */
  readonly step: Step | undefined
  readonly rabbitmq: Entry
  readonly leveret: Entry
  /** What explains it. */
  readonly known: Known | undefined
  /** The same for differences of the same kind. */
  readonly signature: string
}

/** The first one. What comes behind it means nothing: the brokers are in different states by then. */
export function firstDifference(
  steps: readonly Step[],
  rabbitmq: readonly Entry[],
  leveret: readonly Entry[],
): Difference | undefined {
  for (let index = 0; index < Math.max(rabbitmq.length, leveret.length); index++) {
    const [one = {}, other = {}] = [rabbitmq[index], leveret[index]]
    const step = steps[index]
    let [a, b] = [text(one), text(other)]
    for (const one of EVENED) {
      if (a === b) break
      if (one.isIn?.(steps) !== false) [a, b] = [evened(a, one), evened(b, one)]
    }
    if (isBurst(step)) [a, b] = [withoutCounts(a), withoutCounts(b)]
    if (a === b) continue
    const known = KNOWN.find(({ explains }) => explains({ step, rabbitmq: a, leveret: b, steps }))
    return { index, step, rabbitmq: one, leveret: other, known, signature: signature(step, a, b) }
  }
  return undefined
}

function evened(lines: string, { pattern, replacement }: Evened): string {
  return typeof replacement === 'string' ? lines.replace(pattern, replacement) : lines.replace(pattern, replacement)
}

function text(entry: Entry): string {
  const places = Object.keys(entry).sort()
  return places.flatMap((place) => (entry[place] ?? []).map((line) => `${place}: ${line}`)).join('\n')
}

function isBurst(step: Step | undefined): boolean {
  return callsOf(step).length > 1
}

/** Within one write a queue may be asked before or after it has handed out what it just got. */
function withoutCounts(lines: string): string {
  return lines.replace(/messageCount=\d+/g, 'messageCount=?')
}

function signature(step: Step | undefined, a: string, b: string): string {
  const [mine, other] = [a.split('\n'), b.split('\n')]
  const parts = [
    ...mine.filter((line) => !other.includes(line)).map((line) => `RabbitMQ ${line}`),
    ...other.filter((line) => !mine.includes(line)).map((line) => `Leveret ${line}`),
  ]
  const what = step === undefined ? 'end' : step.kind === 'calls' ? callsOf(step).at(-1)?.method : step.kind
  return `${what}: ${parts.slice(0, 4).join(' | ')}`
    .replace(/\[[^\]]*\]/g, '[]')
    .replace(/~[a-z]+\d/g, '~n')
    .replace(/k{20,}/g, 'K')
    .replace(/\d+/g, 'N')
    .slice(0, 400)
}
