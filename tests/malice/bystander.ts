import { performance } from 'node:perf_hooks'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

/** Without it, the bystander would take most of a processor. */
const PAUSE_MS = 2

/**
 * A client that minds its own business: it publishes a message with a confirm, takes it from the queue, acknowledges it,
 * and so on. Nothing that others do may show.
 */
export class Bystander {
  /** Messages that went around. */
  count = 0
  /** The longest that one of them took, with the pause before it: the broker may be held up then, too. */
  longestMs = 0
  readonly #publisher: RawChannel
  readonly #consumer: RawChannel
  readonly #queue: string
  #deliveries = 0
  #isStopping = false
  #failure: Error | undefined
  readonly #done: Promise<void>

  private constructor(publisher: RawChannel, consumer: RawChannel, queue: string) {
    this.#publisher = publisher
    this.#consumer = consumer
    this.#queue = queue
    this.#done = this.#run().catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error))
    })
  }

  static async start(
    address: { readonly host: string; readonly port: number },
    queue = 'bystander',
  ): Promise<Bystander> {
    const [publisher, consumer] = await Promise.all(
      [1, 2].map(async (id) => (await (await RawClient.connect(address)).handshake()).channel(id)),
    )
    if (publisher === undefined || consumer === undefined) throw new Error('two clients were opened')
    await publisher.call('confirm.select')
    await consumer.queue({ exclusive: true }, queue)
    await consumer.call('basic.qos', { prefetchCount: 5 })
    await consumer.consume(queue)
    return new Bystander(publisher, consumer, queue)
  }

  /** Waits until so many more messages have gone around. */
  async lives(messages = 20): Promise<void> {
    for (const end = this.count + messages; this.count < end; ) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Ends after the message at hand; throws what went wrong, if anything did. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#done
    if (this.#failure !== undefined) throw this.#failure
    await this.#consumer.expectCounts(this.#queue, 0, 1)
    await Promise.all([this.#publisher.client.close(), this.#consumer.client.close()])
  }

  /** Cuts its connections. */
  destroy(): void {
    this.#isStopping = true
    this.#publisher.client.destroy()
    this.#consumer.client.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const startedAt = performance.now()
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      const sequence = this.count + 1
      const body = `message ${sequence}`
      this.#publisher.publish({ routingKey: this.#queue, body, properties: { deliveryMode: 2, headers: { sequence } } })
      await this.#publisher.expect('basic.ack', { deliveryTag: sequence, multiple: false })
      await this.#takeOwn(sequence, body)
      this.count = sequence
      this.longestMs = Math.max(this.longestMs, performance.now() - startedAt)
    }
  }

  /** Others may publish to its queue by name: what is not its own it settles and passes over. */
  async #takeOwn(sequence: number, body: string): Promise<void> {
    for (;;) {
      const { args, content } = await this.#consumer.delivery({ deliveryTag: ++this.#deliveries, redelivered: false })
      this.#consumer.ack(this.#deliveries)
      if (args.exchange === '' && content.body.toString() === body) {
        if (content.properties.headers?.sequence?.value === sequence) return
        throw new Error(`'${body}' came with other headers`)
      }
      if (content.body.toString().startsWith('message ')) throw new Error(`got '${content.body}' for '${body}'`)
    }
  }
}
