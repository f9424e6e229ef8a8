import type { FieldTable } from '../../protocol/field-table.ts'
import type { ClientConnection } from './client-connection.ts'
import { openChannel } from './login.ts'
import { BrokerRefusal, PerfError } from './perf-error.ts'

const NOT_FOUND = 404
const NO_ARGUMENTS: FieldTable = new Map()

export interface TopologyWish {
  readonly queues: readonly string[]
  readonly exchange: string
  readonly exchangeType: string
  /** `undefined`: every queue is bound by its own name. */
  readonly bindingKeys: readonly string[] | undefined
  readonly isDurable: boolean
  readonly queueArguments: FieldTable
}

/** The queues and the exchange of a run. What was there already is used as it is and not deleted afterwards. */
export class Topology {
  readonly #control: ClientConnection
  readonly #wish: TopologyWish
  readonly #ownQueues: string[] = []
  #hasOwnExchange = false

  constructor(control: ClientConnection, wish: TopologyWish) {
    this.#control = control
    this.#wish = wish
  }

  async declare(): Promise<void> {
    const { queues, exchange, bindingKeys } = this.#wish
    if (exchange !== '') await this.#declareExchange()
    for (const queue of queues) {
      await this.#declareQueue(queue)
      if (exchange === '') continue
      for (const routingKey of bindingKeys ?? [queue]) {
        await this.#control.call('queue.bind', { queue, exchange, routingKey, nowait: false, arguments: NO_ARGUMENTS })
      }
    }
  }

  /** Ready messages in all queues together. */
  async depth(): Promise<number> {
    let depth = 0
    for (const queue of this.#wish.queues) {
      const declared = await this.#control.call('queue.declare', this.#queue(queue, true))
      if (declared.name === 'queue.declare-ok') depth += declared.args.messageCount
    }
    return depth
  }

  /** Empties all queues; returns how many messages that were. */
  async purge(): Promise<number> {
    let purged = 0
    for (const queue of this.#wish.queues) {
      const answer = await this.#control.call('queue.purge', { queue, nowait: false })
      if (answer.name === 'queue.purge-ok') purged += answer.args.messageCount
    }
    return purged
  }

  /** Deletes what `declare` made. */
  async remove(): Promise<void> {
    for (const queue of this.#ownQueues) {
      await this.#control.call('queue.delete', { queue, ifUnused: false, ifEmpty: false, nowait: false })
    }
    if (!this.#hasOwnExchange) return
    await this.#control.call('exchange.delete', { exchange: this.#wish.exchange, ifUnused: false, nowait: false })
  }

  async #declareQueue(queue: string): Promise<void> {
    const exists = await this.#exists(() => this.#control.call('queue.declare', this.#queue(queue, true)))
    if (exists && !this.#wish.isDurable && this.#wish.queueArguments.size === 0) return
    // For a queue that exists this asks the broker whether it is the same as what the options say.
    await this.#explained(`queue '${queue}'`, () => this.#control.call('queue.declare', this.#queue(queue, false)))
    if (!exists) this.#ownQueues.push(queue)
  }

  async #declareExchange(): Promise<void> {
    const { exchange, exchangeType, isDurable } = this.#wish
    const declare = (passive: boolean): Promise<unknown> =>
      this.#control.call('exchange.declare', {
        exchange,
        type: exchangeType,
        passive,
        durable: isDurable,
        autoDelete: false,
        internal: false,
        nowait: false,
        arguments: NO_ARGUMENTS,
      })
    if (await this.#exists(() => declare(true))) return
    await this.#explained(`exchange '${exchange}'`, () => declare(false))
    this.#hasOwnExchange = true
  }

  #queue(queue: string, passive: boolean) {
    return {
      queue,
      passive,
      durable: this.#wish.isDurable,
      exclusive: false,
      autoDelete: false,
      nowait: false,
      arguments: this.#wish.queueArguments,
    }
  }

  async #exists(look: () => Promise<unknown>): Promise<boolean> {
    try {
      await look()
      return true
    } catch (error) {
      if (!(error instanceof BrokerRefusal) || error.code !== NOT_FOUND) throw error
      await openChannel(this.#control)
      return false
    }
  }

  async #explained(what: string, declare: () => Promise<unknown>): Promise<void> {
    try {
      await declare()
    } catch (error) {
      if (error instanceof BrokerRefusal) throw new PerfError(`${what} cannot be declared: ${error.message}`)
      throw error
    }
  }
}
