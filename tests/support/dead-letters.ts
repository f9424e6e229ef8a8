// Queues with dead letters, and what dead letters tell.
import type { Delivery, RawChannel } from './raw-channel.ts'
import { plain, type WireTable } from './wire-values.ts'

export interface Pair {
  readonly source: string
  readonly dead: string
}

/** A queue whose dead letters go to another one by the default exchange. */
export async function pair(channel: RawChannel, options: WireTable = {}): Promise<Pair> {
  const dead = await channel.queue()
  const toDead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
  return { dead, source: await channel.queue({ arguments: { ...toDead, ...options } }) }
}

export async function take(channel: RawChannel, queue: string): Promise<Delivery> {
  const taken = await channel.get(queue)
  if (taken === undefined) throw new Error(`nothing is ready in '${queue}'`)
  return taken
}

/** Takes the next message of a queue and rejects it. */
export async function reject(channel: RawChannel, queue: string): Promise<void> {
  const { args } = await take(channel, queue)
  channel.send('basic.reject', { deliveryTag: args.deliveryTag as bigint, requeue: false })
}

export function headersOf({ content }: Delivery): Record<string, unknown> {
  return plain(content.properties.headers ?? {}) as Record<string, unknown>
}

export function deathsOf(delivery: Delivery): Record<string, unknown>[] {
  return headersOf(delivery)['x-death'] as Record<string, unknown>[]
}
