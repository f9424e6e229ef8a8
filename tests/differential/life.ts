// Operations on channels and connections: their modes and their ends, mistakes, and several calls in one write.
import type { MethodName } from '../support/wire-methods.ts'
import type { Draw } from './draw.ts'
import { HANDSHAKES, type HandshakeName } from './handshakes.ts'
import { MALFORMED_NAMES } from './malformed.ts'
import { publish, settle } from './messages.ts'
import { call, type Operation } from './operation.ts'
import type { Call, Place, Step } from './step.ts'
import { bindQueue, declareQueue } from './topology.ts'

/** What only a broker says. */
const OF_BROKERS: readonly MethodName[] = [
  'basic.consume-ok',
  'basic.get-empty',
  'basic.recover-ok',
  'basic.cancel-ok',
  'channel.open-ok',
  'channel.flow-ok',
  'confirm.select-ok',
  'connection.blocked',
  'connection.start',
  'exchange.unbind-ok',
  'queue.declare-ok',
  'tx.select-ok',
]

/** What is said at the wrong time, or on a channel where it means nothing. */
const MISPLACED: readonly MethodName[] = [
  'connection.start-ok',
  'connection.secure-ok',
  'connection.tune-ok',
  'connection.open',
  'connection.close-ok',
  'connection.tune',
  'connection.open-ok',
  'channel.open',
  'channel.close',
  'channel.close-ok',
  'basic.qos',
  'basic.ack',
  'queue.declare',
  'tx.select',
]

const ON_NO_CHANNEL: readonly MethodName[] = [
  'basic.qos',
  'basic.ack',
  'queue.declare',
  'channel.close',
  'channel.close-ok',
  'channel.flow',
  'tx.commit',
]

const select = call('modes', 7, (draw, at) => {
  if (draw.chance(0.1)) return [draw.pick<MethodName>(['confirm.select', 'tx.select', 'tx.commit', 'tx.rollback']), {}]
  if (draw.modeOf(at) === 'confirm') return ['confirm.select', draw.flag('nowait', 0.15)]
  return [draw.pick<MethodName>(['tx.select', 'tx.commit', 'tx.commit', 'tx.rollback']), {}]
})

function onConnection(weight: number, topic: 'ends' | 'mistakes', calls: readonly Call[]): Operation {
  return { topic, weight, make: (_, { connection }) => ({ kind: 'calls', at: { connection, channel: 0 }, calls }) }
}

function blind(weight: number, channels: readonly number[], methods: readonly MethodName[]): Operation {
  const make = (draw: Draw, { connection }: Place): Step => ({
    kind: 'blind',
    at: { connection, channel: draw.pick(channels) },
    calls: [{ method: draw.pick(methods) }],
  })
  return { topic: 'mistakes', weight, make }
}

/** Several calls in one write, which the broker finds in one read. */
function burst(draw: Draw, at: Place): Step {
  const made = (operation: Operation): Call[] => {
    const step = operation.make(draw, at)
    // A queue without a name would have another one with every broker.
    return step.kind === 'calls' ? step.calls.filter(({ args }) => args?.queue !== '') : []
  }
  const calls: Call[] = []
  for (let i = 2 + draw.random.below(6); i > 0; i--) {
    const one = draw.weighted<() => Call[]>([
      [6, () => [publish(draw)]],
      [3, () => [settle(draw)]],
      [2, () => made(declareQueue)],
      [2, () => made(bindQueue)],
    ])
    calls.push(...one())
  }
  return { kind: 'calls', at, calls }
}

export const LIFE: readonly Operation[] = [
  select,
  { topic: 'publishes', weight: 4, make: burst },
  call('ends', 2, () => ['channel.close', { replyCode: 200, replyText: 'bye' }]),
  onConnection(1, 'ends', [{ method: 'connection.close', args: { replyCode: 200, replyText: 'bye' } }]),
  { topic: 'ends', weight: 0.5, make: (_, at) => ({ kind: 'drop', at }) },
  { topic: 'mistakes', weight: 0.6, make: (_, at) => ({ kind: 'hold', at }) },
  { topic: 'ends', weight: 0.8, make: (_, at) => ({ kind: 'release', at }) },
  call('mistakes', 0.4, (draw) => ['channel.flow', { active: draw.chance(0.7) }]),
  call('mistakes', 0.4, () => ['access.request', { realm: '/data', active: true }]),
  onConnection(0.3, 'mistakes', [
    { method: 'connection.update-secret', args: { newSecret: 'guest', reason: 'why not' } },
  ]),
  {
    topic: 'mistakes',
    weight: 1.2,
    make: (draw, at) => ({ kind: 'malformed', at, name: draw.pick(MALFORMED_NAMES) }),
  },
  call('mistakes', 0.5, (draw) => ({ method: draw.pick(OF_BROKERS) })),
  blind(0.5, [0, 0, 1], MISPLACED),
  blind(0.5, [9], ON_NO_CHANNEL),
  blind(0.3, [1, 1, 2047, 2048, 65_535], ['channel.open']),
  {
    topic: 'mistakes',
    weight: 0.4,
    make: (draw) => ({ kind: 'handshake', name: draw.pick(Object.keys(HANDSHAKES) as HandshakeName[]) }),
  },
]
