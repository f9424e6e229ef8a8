/** Looks at the messages of several levels in the order in which they are due. */
import type { LookAhead, LookState } from '../../../storage/look-ahead.ts'
import type { Segment } from '../../../storage/segment.ts'
import type { LevelRules } from './level-rules.ts'
import { LevelSet } from './level-set.ts'

export class LevelsLook implements LookAhead {
  /** By level; of those that had no ready message, undefined. */
  readonly #looks: readonly (LookAhead | undefined)[]
  readonly #rules: LevelRules
  /** The levels that have further messages. */
  readonly #ready: LevelSet
  #left: number
  #found: LookAhead | undefined

  constructor(looks: readonly (LookAhead | undefined)[], rules: LevelRules) {
    this.#looks = looks
    this.#rules = rules.copy()
    this.#ready = new LevelSet(looks.length)
    this.#left = 0
    for (const [level, look] of looks.entries()) {
      if (look === undefined) continue
      this.#ready.add(level)
      this.#left++
    }
  }

  get segment(): Segment {
    return this.#last.segment
  }

  get index(): number {
    return this.#last.index
  }

  get deliveries(): number {
    return this.#last.deliveries
  }

  get #last(): LookAhead {
    if (this.#found === undefined) throw new Error('nothing was found')
    return this.#found
  }

  next(whenReadable: () => void): LookState {
    while (this.#left > 0) {
      const returned = this.#rules.returnsFirst ? this.#nextReturned() : undefined
      const level = returned ?? this.#rules.next(this.#ready)
      const look = this.#looks[level] as LookAhead // a level with messages has one
      const state = look.next(whenReadable)
      if (state === 'found') {
        if (returned === undefined) this.#rules.taken()
        this.#found = look
      }
      if (state !== 'end') return state
      this.#ready.remove(level)
      this.#left--
    }
    return 'end'
  }

  /** The level of the message that came back first, of those that are left; undefined when none has. */
  #nextReturned(): number | undefined {
    const first = this.nextReturn
    if (first === Number.POSITIVE_INFINITY) return undefined
    return this.#looks.findIndex((look) => look?.nextReturn === first)
  }

  get nextReturn(): number {
    return Math.min(...this.#looks.map((look) => look?.nextReturn ?? Number.POSITIVE_INFINITY))
  }

  refresh(): void {
    for (const look of this.#looks) look?.refresh()
  }

  end(): void {
    for (const look of this.#looks) look?.end()
  }
}
