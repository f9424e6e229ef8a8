/**
 * What was removed and goes turn by turn, because it is too much for one. From outside it is gone at once; it takes memory until it is,
 * and so counts for the limits: who has to have it gone waits.
 */
import { Undecided } from '../access/undecided.ts'
import type { LongWork, Step } from './long-work.ts'

/** The pace of most: so many queues, exchanges or consumers go at once; of more, so many between two looks at the clock. */
export const USUAL_PACE = { atOnce: 64, perStep: 8 } as const

export interface Removal {
  /** Counts those of all virtual hosts. */
  readonly number: number
  /** Resolves when nothing is left of it. */
  readonly ended: Promise<void>
  /** Does the rest at once. */
  readonly finish: () => void
}

/** How it is taken away. */
export interface Course {
  /** So many units go at once; of more, so many between two looks at the clock. */
  readonly atOnce: number
  readonly perStep: number
  readonly step: Step
  /** There is more than goes at once. */
  readonly onRest?: (removal: Removal) => void
  readonly onEnd?: () => void
}

/** Whoever asks for more. */
export interface RoomAsker {
  /** The newest of the removals that it waits for, in order to have room. */
  waitsFor: number | undefined
}

/** They throw when there is no room. */
export interface RoomChecks {
  /** Of limits of the virtual host, for which nothing counts that is elsewhere. */
  readonly ofVhost?: () => void
  readonly ofAll: () => void
}

export class Removals {
  readonly #longWork: LongWork
  readonly #all: Removals
  readonly #underWay = new Set<Removal>()
  #lastNumber = 0

  /** `all` knows those of all virtual hosts. */
  constructor(longWork: LongWork, all?: Removals) {
    this.#longWork = longWork
    this.#all = all ?? this
  }

  get isEmpty(): boolean {
    return this.#underWay.size === 0
  }

  /** A step that throws has the rest go all the same, in later turns. */
  begin(course: Course): void {
    let isDone = false
    try {
      isDone = course.step(course.atOnce)
    } finally {
      if (!isDone) {
        const rest = this.#start(course)
        course.onRest?.(rest)
      }
    }
    if (isDone) course.onEnd?.()
  }

  #start({ perStep, step, onEnd }: Course): Removal {
    let tellEnd = (): void => {}
    const ended = new Promise<void>((resolve) => {
      tellEnd = resolve
    })
    const finish = this.#longWork.startSure(perStep, step, () => {
      this.#underWay.delete(removal)
      this.#all.#underWay.delete(removal)
      try {
        onEnd?.()
      } finally {
        tellEnd()
      }
    })
    const removal = { number: ++this.#all.#lastNumber, ended, finish }
    this.#underWay.add(removal)
    this.#all.#underWay.add(removal)
    return removal
  }

  /** Throws Undecided while anything goes. */
  requireNone(): void {
    for (const { ended } of this.#underWay) throw new Undecided(ended)
  }

  /**
   * Throws Undecided instead of what a check throws, while something goes that counts for it. Who asks again waits for what went when it
   * asked first, and no longer.
   */
  checkRoom(asker: RoomAsker, { ofVhost, ofAll }: RoomChecks): void {
    if (ofVhost !== undefined) this.#check(asker, ofVhost)
    this.#all.#check(asker, ofAll)
    asker.waitsFor = undefined
  }

  #check(asker: RoomAsker, check: () => void): void {
    try {
      check()
    } catch (error) {
      const waitsFor = asker.waitsFor ?? this.#all.#lastNumber
      for (const { number, ended } of this.#underWay) {
        if (number > waitsFor) break
        asker.waitsFor = waitsFor
        throw new Undecided(ended)
      }
      asker.waitsFor = undefined
      throw error
    }
  }

  /** Takes away at once all that goes, and what goes because of that; of all virtual hosts, if there is no room otherwise. */
  finish(isEverywhere = false): void {
    const going = isEverywhere ? this.#all.#underWay : this.#underWay
    for (const { finish } of going) finish()
  }
}
