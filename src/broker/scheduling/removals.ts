/**
 * What was removed and goes turn by turn, because it is too much for one. From outside it is gone at once; it takes memory until it is,
 * and so counts for the limits: who has to have it gone waits.
 */
import { Undecided } from '../access/undecided.ts'
import type { LongWork, Step } from './long-work.ts'

export interface Removal {
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

export class Removals {
  readonly #longWork: LongWork
  readonly #all: Removals
  readonly #underWay = new Set<Removal>()

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
    let finishPart = (): void => {}
    const finish = (): void => {
      while (this.#underWay.has(removal)) finishPart()
    }
    const removal = { ended, finish }
    const goOn = (): void => {
      finishPart = this.#longWork.start(perStep, step, (isDone) => {
        if (!isDone) {
          goOn()
          return
        }
        this.#underWay.delete(removal)
        this.#all.#underWay.delete(removal)
        onEnd?.()
        tellEnd()
      })
    }
    this.#underWay.add(removal)
    this.#all.#underWay.add(removal)
    goOn()
    return removal
  }

  /** Throws Undecided while anything goes. */
  requireNone(): void {
    for (const { ended } of this.#underWay) throw new Undecided(ended)
  }

  /** For a check that throws when there is no room: throws Undecided instead while anything goes, in any virtual host, which counts for it. */
  checkRoom(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#all.requireNone()
      throw error
    }
  }

  /** Takes away at once all that goes, and what goes because of that; of all virtual hosts, if there is no room otherwise. */
  finish(isEverywhere = false): void {
    const going = isEverywhere ? this.#all.#underWay : this.#underWay
    for (const { finish } of going) finish()
  }
}
