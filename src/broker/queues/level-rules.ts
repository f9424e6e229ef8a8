/** Which levels of priority a kind of queue has, and which of them is due next. */
import { findProperty, PROPERTY_FLAGS } from '../../../protocol/properties.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { LevelSet } from './level-set.ts'

export interface LevelRules {
  /** The highest level; the lowest is 0. */
  readonly levelMax: number
  /** Messages that are not persistent survive a restart, too. */
  readonly keepsAll: boolean
  /** What came back is due before all else, in the order in which it came back. */
  readonly returnsFirst: boolean
  levelOf(message: RecordSource): number
  /** The level that is due, of those that have messages: there is one. */
  next(ready: LevelSet): number
  /** A message was taken from it. */
  taken(): void
  /** Goes on from here by itself, for what only looks. */
  copy(): LevelRules
}

/** A level for each priority: the highest first. */
export class EveryPriority implements LevelRules {
  readonly levelMax: number
  readonly keepsAll = false
  readonly returnsFirst = false

  constructor(levelMax: number) {
    this.levelMax = levelMax
  }

  levelOf(message: RecordSource): number {
    return Math.min(priorityOf(message), this.levelMax)
  }

  next(ready: LevelSet): number {
    return ready.highest
  }

  taken(): void {}

  copy(): this {
    return this
  }
}

const NORMAL = 0
const HIGH = 1
/** RabbitMQ 4.x: priorities above this one are high in a quorum queue, all others normal. */
const NORMAL_PRIORITY_MAX = 4
/** So many high ones come before a normal one. */
const HIGH_IN_A_ROW = 2

/** The two levels of a quorum queue, which take turns: two of the high one, then one of the normal one. What came back is in no turn. */
export class HighAndNormal implements LevelRules {
  readonly levelMax = HIGH
  readonly keepsAll = true
  readonly returnsFirst = true
  #turn = 0

  levelOf(message: RecordSource): number {
    return priorityOf(message) > NORMAL_PRIORITY_MAX ? HIGH : NORMAL
  }

  next(ready: LevelSet): number {
    return this.#turn === HIGH_IN_A_ROW && ready.has(NORMAL) ? NORMAL : ready.highest
  }

  taken(): void {
    this.#turn = this.#turn === HIGH_IN_A_ROW ? 0 : this.#turn + 1
  }

  copy(): HighAndNormal {
    const copy = new HighAndNormal()
    copy.#turn = this.#turn
    return copy
  }
}

const PRIORITY = PROPERTY_FLAGS.priority.flag

/** The priority of a message, whose properties are well-formed; 0 for one that has none. */
function priorityOf({ head, headerStart, headerEnd }: RecordSource): number {
  const at = findProperty(head.bytes, headerStart, headerEnd, PRIORITY)
  return at < 0 ? 0 : (head.bytes[at] as number)
}
