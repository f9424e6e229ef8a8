// A sequence for a seed.
import type { MethodArguments } from '../support/wire-methods.ts'
import { Draw } from './draw.ts'
import { LIFE } from './life.ts'
import { MESSAGES } from './messages.ts'
import { EXCHANGES, QUEUES } from './names.ts'
import type { Operation, Topic } from './operation.ts'
import type { Place, Step } from './step.ts'
import { bindQueue, TOPOLOGY } from './topology.ts'
import { deadlyArguments, quorumArguments } from './values.ts'

const OPERATIONS: readonly Operation[] = [...TOPOLOGY, ...MESSAGES, ...LIFE]

/** What a sequence is mostly about: how much more, or less, often the operations of a topic come. */
interface Focus {
  readonly factors: Readonly<Partial<Record<Topic, number>>>
  /** On so many channels, each of a connection of its own. */
  readonly channels?: number
  /** What dies in queues goes somewhere. */
  readonly isDeadly?: boolean
  /** Most queues are quorum queues. */
  readonly isQuorum?: boolean
}

const FEW_NAMES = { bindings: 0.2, exchanges: 0.2, mistakes: 0.1 } as const

const FOCUSES: readonly Focus[] = [
  { factors: {} },
  { factors: {} },
  { factors: { ...FEW_NAMES, publishes: 2, consumers: 2, settling: 3, limits: 2 }, channels: 1 },
  { factors: { ...FEW_NAMES, publishes: 2, consumers: 2, settling: 3, limits: 3, ends: 2 }, channels: 2 },
  { factors: { ...FEW_NAMES, publishes: 2, settling: 3, modes: 6 }, channels: 1 },
  { factors: { bindings: 4, exchanges: 2, publishes: 2, consumers: 0.2, settling: 0.3 } },
  { factors: { ...FEW_NAMES, replies: 20, publishes: 1, consumers: 0.5, settling: 0.5 }, channels: 2 },
  { factors: { queues: 3, consumers: 3, ends: 4, exchanges: 2, bindings: 2 } },
  { factors: { ...FEW_NAMES, bindings: 0.5, publishes: 2, settling: 3 }, channels: 1, isDeadly: true },
  {
    factors: { ...FEW_NAMES, publishes: 2, consumers: 2, settling: 2, modes: 2, ends: 1 },
    channels: 2,
    isDeadly: true,
  },
  { factors: { ...FEW_NAMES, publishes: 2, consumers: 2, settling: 4 }, channels: 1, isQuorum: true },
  { factors: { ...FEW_NAMES, publishes: 2, consumers: 2, settling: 3, ends: 1 }, channels: 2, isQuorum: true },
]

export function generate(seed: number): Step[] {
  const draw = new Draw(seed)
  const focus = draw.pick(FOCUSES)
  const weights = OPERATIONS.map((one) => [one.weight * (focus.factors[one.topic] ?? 1), one] as const)
  const steps = beginning(draw, focus)
  const length = 8 + draw.random.below(focus.channels === undefined ? 28 : 60)
  for (let i = 0; i < length; i++) steps.push(draw.weighted(weights).make(draw, place(draw, focus)))
  return steps
}

function place(draw: Draw, { channels }: Focus): Place {
  if (channels !== undefined) return { connection: draw.random.below(channels), channel: 1 }
  const connection = draw.weighted([
    [5, 0],
    [2, 1],
    [1, 2],
  ])
  const channel = draw.weighted([
    [5, 1],
    [3, 2],
    [1, 3],
  ])
  return { connection, channel }
}

function classic(draw: Draw, focus: Focus): MethodArguments {
  const isNarrow = focus.channels !== undefined
  const ends = isNarrow ? {} : { ...draw.flag('autoDelete', 0.1), ...draw.flag('exclusive', 0.08) }
  const deadly = focus.isDeadly === true && draw.chance(0.8) ? { arguments: deadlyArguments(draw) } : {}
  return { ...draw.flag('durable', 0.3), ...ends, ...deadly }
}

function quorum(draw: Draw): MethodArguments {
  return { durable: true, arguments: quorumArguments(draw) }
}

/** Something to work with. Where few channels do much, all queues are there and stay. */
function beginning(draw: Draw, focus: Focus): Step[] {
  const isNarrow = focus.channels !== undefined
  const steps: Step[] = []
  for (const queue of isNarrow ? QUEUES : QUEUES.slice(0, 2 + draw.random.below(2))) {
    const args = { queue, ...(focus.isQuorum === true && draw.chance(0.8) ? quorum(draw) : classic(draw, focus)) }
    steps.push({ kind: 'calls', at: place(draw, focus), calls: [{ method: 'queue.declare', args }] })
  }
  for (const exchange of EXCHANGES.slice(0, 1 + draw.random.below(3))) {
    const type = draw.pick(['direct', 'fanout', 'topic', 'headers'])
    const args = { exchange, type, ...draw.flag('durable', 0.3), ...draw.flag('autoDelete', 0.15) }
    steps.push({ kind: 'calls', at: place(draw, focus), calls: [{ method: 'exchange.declare', args }] })
  }
  for (let i = draw.random.below(4) + (focus.isDeadly === true ? 3 : 0); i > 0; i--)
    steps.push(bindQueue.make(draw, place(draw, focus)))
  return steps
}
