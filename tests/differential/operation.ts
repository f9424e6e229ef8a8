// An operation is a kind of step and how often it happens. Whatever the broker learns to do gets its row in one of the tables
// `topology.ts`, `messages.ts` and `life.ts`.
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import type { Draw } from './draw.ts'
import type { Call, Place, Step } from './step.ts'

/** What sequences can be mostly about. */
export type Topic =
  | 'queues'
  | 'exchanges'
  | 'bindings'
  | 'publishes'
  | 'consumers'
  | 'settling'
  | 'limits'
  | 'modes'
  | 'ends'
  | 'replies'
  | 'mistakes'

export interface Operation {
  readonly topic: Topic
  /** How often, in relation to the others. */
  readonly weight: number
  readonly make: (draw: Draw, at: Place) => Step
}

/** An operation that is one call. */
export function call(
  topic: Topic,
  weight: number,
  make: (draw: Draw, at: Place) => Call | readonly [method: MethodName, args: MethodArguments],
): Operation {
  return {
    topic,
    weight,
    make(draw, at) {
      const made = make(draw, at)
      const one: Call = 'method' in made ? made : { method: made[0], args: made[1] }
      return { kind: 'calls', at, calls: [one] }
    },
  }
}
