/** The consumers that code in this process has in one virtual host, by tag. */
import { refuse } from '../broker/errors.ts'
import { generatedName } from '../broker/names.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { Vhost } from '../broker/vhost.ts'
import { aFunction } from '../lib/checks.ts'
import type { Logger } from '../lib/logger.ts'
import { type ConsumeOptions, checkConsumeOptions, type InProcessConsumer } from './consume-options.ts'
import { toArguments } from './declarations.ts'
import type { Deliveries } from './deliveries.ts'
import { EmbeddedConsumer, type MessageHandler } from './embedded-consumer.ts'

export class EmbeddedConsumers {
  readonly #vhost: Vhost
  readonly #deliveries: Deliveries
  readonly #logger: Logger
  readonly #byTag = new Map<string, EmbeddedConsumer>()

  constructor(vhost: Vhost, deliveries: Deliveries, logger: Logger) {
    this.#vhost = vhost
    this.#deliveries = deliveries
    this.#logger = logger
  }

  /** Throws RangeError or TypeError for the options, BrokerError when the tag is in use or the queue refuses the consumer. */
  start(findQueue: () => Queue, handler: MessageHandler, options: ConsumeOptions): InProcessConsumer {
    aFunction(handler, 'the handler')
    const { prefetch, priority, timeoutMs } = checkConsumeOptions(options)
    const queue = findQueue()
    const tag = options.tag ?? generatedName('amq.ctag-')
    if (this.#byTag.has(tag)) throw refuse.consumerTagReused(tag)
    const log = (error: unknown): void =>
      this.#logger.error({ err: error, queue: queue.name, consumer: tag }, 'consumer failed')
    const consumer = new EmbeddedConsumer(queue, this.#deliveries, {
      tag,
      handler,
      priority,
      timeoutMs,
      prefetchCount: prefetch,
      // To the queue every consumer in this process acknowledges, so that nothing is lost when one is cancelled.
      isNoAck: false,
      isAutoSettled: options.noAck ?? false,
      isExclusive: options.exclusive ?? false,
      arguments: toArguments(undefined),
      onError: options.onError ?? log,
      onCancelled: () => {
        this.#forget(consumer)
        options.onCancelled?.()
      },
      onDefect: log,
    })
    queue.addConsumer(consumer.consumer)
    if (timeoutMs !== undefined) this.#vhost.hasConsumerTimeouts = true
    this.#byTag.set(tag, consumer)
    return { tag, queue: queue.name, cancel: () => this.#cancel(consumer) }
  }

  /** The consumer took longer for an acknowledgement than it may: it ends. */
  timeOut({ sink, tag, queue }: Consumer, timeoutMs: number): void {
    if (!(sink instanceof EmbeddedConsumer) || !sink.isActive) return
    this.#logger.warn(
      { queue: queue.name, consumer: tag, timeoutMs },
      'a consumer took too long for an acknowledgement and was ended',
    )
    if (sink.timeOut()) this.#vhost.removeQueue(queue)
  }

  #cancel(consumer: EmbeddedConsumer): void {
    this.#forget(consumer)
    if (consumer.cancel()) this.#vhost.removeQueue(consumer.consumer.queue)
  }

  /** Another one may have its tag by now. */
  #forget(consumer: EmbeddedConsumer): void {
    const { tag } = consumer.consumer
    if (this.#byTag.get(tag) === consumer) this.#byTag.delete(tag)
  }
}
