// Runs sequence after sequence against both brokers, and makes short what shows a difference.
import type { Arena, Brokers } from './brokers.ts'
import { type Difference, firstDifference } from './comparison.ts'
import { generate } from './generator.ts'
import { type Entry, Session } from './session.ts'
import { shrink } from './shrink.ts'
import type { Step } from './step.ts'

/** A step is over when nothing came for so long. */
const QUIET_MS = 3
/** The same when a difference is looked at again: brokers that are busy may be late. */
const PATIENT_MS = 25

export interface Finding {
  readonly seed: number
  readonly steps: readonly Step[]
  readonly difference: Difference
}

export interface Limits {
  readonly firstSeed: number
  readonly count: number
  readonly endMs: number
}

export class Exploration {
  /** Of each kind of difference the first, made short. */
  readonly findings = new Map<string, Finding>()
  /** How often each known difference was met. */
  readonly known = new Map<string, number>()
  sequences = 0
  steps = 0
  /** Differences that did not come again. */
  unstable = 0
  readonly #brokers: Brokers
  readonly #limits: Limits
  readonly #onSequence: (seed: number, steps: readonly Step[], entries: Both) => void
  #nextSeed: number
  #runs = 0

  constructor(
    brokers: Brokers,
    limits: Limits,
    onSequence: (seed: number, steps: readonly Step[], both: Both) => void = () => {},
  ) {
    this.#brokers = brokers
    this.#limits = limits
    this.#onSequence = onSequence
    this.#nextSeed = limits.firstSeed
  }

  async run(): Promise<void> {
    await Promise.all(this.#brokers.arenas.map((arena) => this.#work(arena)))
  }

  /** One sequence, with patience. */
  async compare(steps: readonly Step[]): Promise<Both> {
    const arena = this.#brokers.arenas.at(-1)
    if (arena === undefined) throw new Error('there is nowhere to run it')
    return await this.#both(steps, arena, PATIENT_MS)
  }

  async #work(arena: Arena): Promise<void> {
    const { firstSeed, count, endMs } = this.#limits
    while (this.#nextSeed < firstSeed + count && performance.now() < endMs) await this.#look(this.#nextSeed++, arena)
  }

  async #look(seed: number, arena: Arena): Promise<void> {
    const steps = generate(seed)
    const both = await this.#both(steps, arena, QUIET_MS)
    this.#onSequence(seed, steps, both)
    this.sequences++
    this.steps += steps.length
    let difference = firstDifference(steps, both.rabbitmq, both.leveret)
    if (difference === undefined) return
    if (difference.known === undefined) {
      difference = await this.#again(steps, arena)
      if (difference === undefined) {
        this.unstable++
        return
      }
    }
    if (difference.known !== undefined) this.#count(difference.known.reason)
    else await this.#find(seed, steps, difference, arena)
  }

  #count(reason: string): void {
    this.known.set(reason, (this.known.get(reason) ?? 0) + 1)
  }

  async #find(seed: number, steps: readonly Step[], found: Difference, arena: Arena): Promise<void> {
    const { signature } = found
    if (this.findings.has(signature)) return
    this.findings.set(signature, { seed, steps, difference: found })
    const isSame = async (candidate: readonly Step[]): Promise<boolean> => {
      const difference = await this.#again(candidate, arena)
      return difference?.known === undefined && difference?.signature.slice(0, 60) === signature.slice(0, 60)
    }
    const short = await shrink(steps.slice(0, found.index + 1), isSame)
    const difference = await this.#again(short, arena)
    if (difference !== undefined) this.findings.set(signature, { seed, steps: short, difference })
  }

  async #again(steps: readonly Step[], arena: Arena): Promise<Difference | undefined> {
    const { rabbitmq, leveret } = await this.#both(steps, arena, PATIENT_MS)
    return firstDifference(steps, rabbitmq, leveret)
  }

  async #both(steps: readonly Step[], arena: Arena, quietMs: number): Promise<Both> {
    const prefix = `r${++this.#runs}x${process.pid}.`
    const { vhost, rabbitmqPort, leveretPort } = arena
    const at = (port: number): Promise<readonly Entry[]> => new Session({ port, vhost, prefix, quietMs }).run(steps)
    const [rabbitmq, leveret] = await Promise.all([at(rabbitmqPort), at(leveretPort)])
    return { rabbitmq, leveret }
  }
}

export interface Both {
  readonly rabbitmq: readonly Entry[]
  readonly leveret: readonly Entry[]
}
