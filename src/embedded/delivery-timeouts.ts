/**
 * Code in this process that takes too long for an acknowledgement, by the rule of AMQP's channels: a consumer ends, and all that it has
 * goes back to its queue; so does a message that `get` has taken. As long as something is open, the broker looks twice a second.
 */
import type { Consumer } from '../broker/queues/consumer.ts'
import { ackTimeoutMs, DeliveryAge } from '../broker/queues/delivery-age.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { Clock } from '../lib/clock.ts'
import type { Deliveries, OpenSpan } from './deliveries.ts'

const LOOK_MS = 500

export interface TimeoutTools {
  readonly clock: Clock
  /** How long an acknowledgement may take where neither consumer nor queue says so; 0 for any time. */
  readonly consumerTimeoutMs: number
  /** Some queue or consumer of the virtual host says so. */
  readonly vhost: { readonly hasConsumerTimeouts: boolean }
}

export class DeliveryTimeouts {
  readonly #deliveries: Deliveries
  readonly #tools: TimeoutTools
  readonly #endConsumer: (consumer: Consumer, timeoutMs: number) => void
  #ages = new Map<Consumer | Queue, DeliveryAge>()
  #isDue = false

  /** `endConsumer` ends a consumer and gives back what it has. */
  constructor(
    deliveries: Deliveries,
    tools: TimeoutTools,
    endConsumer: (consumer: Consumer, timeoutMs: number) => void,
  ) {
    this.#deliveries = deliveries
    this.#tools = tools
    this.#endConsumer = endConsumer
  }

  /** Something is open: the broker looks at it in a while. */
  expectLook(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#tools.clock.after(LOOK_MS, this.#look)
  }

  readonly #look = (): void => {
    this.#isDue = false
    const { clock, consumerTimeoutMs, vhost } = this.#tools
    if (consumerTimeoutMs > 0 || vhost.hasConsumerTimeouts) this.#check(clock.monotonicMs(), consumerTimeoutMs)
    if (this.#deliveries.hasOpen) this.expectLook()
  }

  #check(nowMs: number, defaultMs: number): void {
    const ages = new Map<Consumer | Queue, DeliveryAge>()
    for (const [holder, span] of this.#deliveries.spans()) {
      const { queue, consumer } = span.first
      const timeoutMs = ackTimeoutMs({ queue, timeoutMs: consumer?.timeoutMs }, defaultMs)
      if (timeoutMs === 0) continue
      const age = this.#ages.get(holder) ?? new DeliveryAge()
      ages.set(holder, age)
      if (age.look(nowMs, span) <= timeoutMs) continue
      if (consumer !== undefined) this.#endConsumer(consumer, timeoutMs)
      else this.#takeBack(span, age, nowMs, timeoutMs)
    }
    this.#ages = ages
  }

  /** Each message that `get` took has its own time. */
  #takeBack({ first, newest }: OpenSpan, age: DeliveryAge, nowMs: number, timeoutMs: number): void {
    for (const delivery of this.#deliveries.select(newest, true, undefined)) {
      if (delivery !== first && age.look(nowMs, { oldest: delivery.tag, newest }) <= timeoutMs) return
      this.#deliveries.settle(delivery, 'requeue')
    }
  }
}
