// Declares, binds and deletes durable entities, several requests at a time, and checks after a crash which there are.
import type { Random } from '../malice/random.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { connect, type Stage } from './actors.ts'
import type { Certainty, CrashModel, EntityName } from './model.ts'

const QUEUES = ['entity-q0', 'entity-q1', 'entity-q2', 'entity-q3'] as const
const EXCHANGES = ['entity-x0', 'entity-x1', 'entity-x2'] as const

const bindingKey = (exchange: string, queue: string): string => `${exchange}-${queue}`

/** One request; what it makes of which entities once it is answered. */
interface Change {
  readonly outcome: Certainty
  readonly entities: readonly EntityName[]
  readonly answer: 'queue.declare-ok' | 'queue.delete-ok' | 'exchange.declare-ok' | 'exchange.delete-ok' | BindAnswer
}
type BindAnswer = 'queue.bind-ok' | 'queue.unbind-ok'

export async function changingEntities(stage: Stage): Promise<void> {
  const { model, random } = stage
  const client = await connect(stage)
  const channel = await client.channel(1)
  for (;;) {
    const changes: Change[] = []
    for (let left = 1 + random.below(5); left > 0; left--) {
      const change = send(channel, model, random, changes)
      if (change === undefined) continue
      for (const entity of change.entities)
        if (isOpposed(model, entity, change.outcome)) model.entities.set(entity, 'maybe')
      changes.push(change)
    }
    for (const { answer, entities, outcome } of changes) {
      await channel.expect(answer)
      for (const entity of entities) model.entities.set(entity, outcome)
    }
  }
}

function isOpposed(model: CrashModel, entity: EntityName, outcome: Certainty): boolean {
  return (model.entities.get(entity) ?? 'no') !== outcome
}

/** Sends a change of what no other change under way is about. */
function send(channel: RawChannel, model: CrashModel, random: Random, under: readonly Change[]): Change | undefined {
  const queue = random.pick(QUEUES)
  const exchange = random.pick(EXCHANGES)
  const isBusy = under.some(({ entities }) =>
    entities.some((entity) => `${entity} `.includes(` ${queue} `) || `${entity} `.includes(` ${exchange} `)),
  )
  if (isBusy) return undefined
  const isThere = (entity: EntityName): boolean => model.entities.get(entity) === 'certain'
  switch (random.below(6)) {
    case 0:
    case 1:
      channel.send('queue.declare', { queue, durable: true })
      return { outcome: 'certain', entities: [`queue ${queue}`], answer: 'queue.declare-ok' }
    case 2:
      channel.send('exchange.declare', { exchange, type: 'direct', durable: true })
      return { outcome: 'certain', entities: [`exchange ${exchange}`], answer: 'exchange.declare-ok' }
    case 3: {
      if (!isThere(`queue ${queue}`) || !isThere(`exchange ${exchange}`)) return undefined
      const isBinding = !isThere(`binding ${exchange} ${queue}`)
      const method = isBinding ? 'queue.bind' : 'queue.unbind'
      channel.send(method, { queue, exchange, routingKey: bindingKey(exchange, queue) })
      const outcome = isBinding ? 'certain' : 'no'
      return { outcome, entities: [`binding ${exchange} ${queue}`], answer: `${method}-ok` }
    }
    case 4:
      channel.send('queue.delete', { queue })
      return {
        outcome: 'no',
        entities: [`queue ${queue}`, ...EXCHANGES.map((from): EntityName => `binding ${from} ${queue}`)],
        answer: 'queue.delete-ok',
      }
    default:
      channel.send('exchange.delete', { exchange })
      return {
        outcome: 'no',
        entities: [`exchange ${exchange}`, ...QUEUES.map((to): EntityName => `binding ${exchange} ${to}`)],
        answer: 'exchange.delete-ok',
      }
  }
}

/** What is there that must not be, or the other way round; what is found is certain from then on. */
export async function entityProblems(stage: Stage): Promise<string[]> {
  const { model } = stage
  const client = await connect(stage)
  const channel = await client.channel(1)
  const problems: string[] = []
  const compare = (entity: EntityName, isFound: boolean): void => {
    const state = model.entities.get(entity) ?? 'no'
    if (state === 'certain' && !isFound) problems.push(`${entity} is missing`)
    if (state === 'no' && isFound) problems.push(`${entity} was deleted, or never declared`)
    model.entities.set(entity, isFound ? 'certain' : 'no')
  }
  for (const queue of QUEUES) {
    compare(`queue ${queue}`, await isAnswered(channel, () => channel.send('queue.declare', { queue, passive: true })))
  }
  for (const exchange of EXCHANGES) {
    const ask = () => channel.send('exchange.declare', { exchange, passive: true })
    compare(`exchange ${exchange}`, await isAnswered(channel, ask))
  }
  for (const exchange of EXCHANGES) {
    for (const queue of QUEUES) {
      const entity: EntityName = `binding ${exchange} ${queue}`
      if (model.entities.get(`exchange ${exchange}`) === 'no') compare(entity, false)
      else compare(entity, await isRouted(channel, exchange, bindingKey(exchange, queue)))
    }
  }
  await client.close()
  return problems
}

/** False when the broker closes the channel instead, which is opened again. */
async function isAnswered(channel: RawChannel, ask: () => void): Promise<boolean> {
  ask()
  const { name } = await channel.next()
  if (name !== 'channel.close') return true
  channel.send('channel.close-ok')
  await channel.reopen()
  return false
}

async function isRouted(channel: RawChannel, exchange: string, routingKey: string): Promise<boolean> {
  channel.publish({ exchange, routingKey, mandatory: true })
  channel.send('exchange.declare', { exchange: 'amq.direct', passive: true })
  const { name } = await channel.next()
  if (name === 'basic.return') await channel.expect('exchange.declare-ok')
  return name !== 'basic.return'
}
