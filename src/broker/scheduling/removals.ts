/**
 * What was removed and goes turn by turn, because it is too much for one. From outside it is gone at once; it takes memory until it is,
 * and so counts for the limits: who has to have it gone waits.
 */
import { Undecided } from '../access/undecided.ts'
import type { LongWork, Step } from './long-work.ts'

/** The pace of most: so many queues, exchanges or consumers go at once; of more, so many between two looks at the clock. */
export const USUAL_PACE = { atOnce: 64, perStep: 8 } as const

export interface Removal {
  /** Counts those of all virtual hosts. What goes because of another one has the number of that. */
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
  /** See `newNumber`; a new one if it is not given. */
  readonly number?: number
  /** It ends behind all others of its virtual host. */
  readonly isLast?: boolean
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
  /** Of the one that is at work. */
  #numberAtWork: number | undefined

  /** `all` knows those of all virtual hosts. */
  constructor(longWork: LongWork, all?: Removals) {
    this.#longWork = longWork
    this.#all = all ?? this
  }

  get isEmpty(): boolean {
    return this.#underWay.size === 0
  }

  /** Of a removal that begins now; that of the one that is at work, if this goes because of it. */
  newNumber(): number {
    const all = this.#all
    return all.#numberAtWork ?? ++all.#lastNumber
  }

  /** Who waits for the removal of this number waits for what is removed by `act`, too. */
  asPartOf<T>(number: number, act: () => T): T {
    const all = this.#all
    const before = all.#numberAtWork
    all.#numberAtWork = number
    try {
      return act()
    } finally {
      all.#numberAtWork = before
    }
  }

  /** A step that throws has the rest go all the same, in later turns. */
  begin(course: Course): void {
    const { number = this.newNumber() } = course
    let isDone = false
    try {
      isDone = this.#step(course, number, undefined, course.atOnce)
    } finally {
      if (!isDone) {
        const rest = this.#start(course, number)
        course.onRest?.(rest)
      }
    }
    if (isDone) course.onEnd?.()
  }

  #step({ step, isLast = false }: Course, number: number, own: Removal | undefined, count: number): boolean {
    if (!this.asPartOf(number, () => step(count))) return false
    return !isLast || this.#areOthersGone(own, count === Number.POSITIVE_INFINITY)
  }

  #areOthersGone(own: Removal | undefined, finishes: boolean): boolean {
    for (const removal of this.#underWay) {
      if (removal === own) continue
      if (!finishes) return false
      removal.finish()
    }
    return true
  }

  #start(course: Course, number: number): Removal {
    const { perStep, onEnd } = course
    let tellEnd = (): void => {}
    const ended = new Promise<void>((resolve) => {
      tellEnd = resolve
    })
    const step = (count: number): boolean => this.#step(course, number, removal, count)
    const finish = this.#longWork.startSure(perStep, step, () => {
      this.#underWay.delete(removal)
      this.#all.#underWay.delete(removal)
      try {
        onEnd?.()
      } finally {
        tellEnd()
      }
    })
    const removal = { number, ended, finish }
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
        if (number > waitsFor) continue
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
