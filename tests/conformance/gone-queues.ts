import type { RawChannel } from '../support/raw-channel.ts'

/**
 * These queues are gone for a client that looks, of which the last two stand for all, and so are their bindings to amq.fanout; their
 * names are free.
 */
export async function expectGone(bystander: RawChannel, names: readonly string[]): Promise<void> {
  for (const queue of [names.at(-1) ?? '', names.at(-2) ?? '']) {
    const text = `no queue '${queue}' in vhost '/'`
    await bystander.expectRefusal('queue.declare', { queue, passive: true }, 404, text)
    bystander.publish({ routingKey: queue, mandatory: true })
    await bystander.returned({ replyCode: 312 })
    await bystander.queue({}, queue)
  }
  bystander.publish({ exchange: 'amq.fanout', mandatory: true })
  await bystander.returned({ replyCode: 312, exchange: 'amq.fanout' })
}
