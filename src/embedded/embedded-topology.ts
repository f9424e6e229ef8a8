/** Exchanges, queues, bindings and consumers of one virtual host, for code in the same process: what `EmbeddedBroker` says of them. */
import { Undecided } from '../broker/access/undecided.ts'
import type { Permission } from '../broker/authorizer.ts'
import { bindExchange, bindQueue, unbindExchange, unbindQueue } from '../broker/operations/binding-operations.ts'
import { cancelConsumer } from '../broker/operations/consumer-cancellation.ts'
import { declareExchange, deleteExchange } from '../broker/operations/exchange-declaration.ts'
import { accessQueue, declareQueue, deleteQueue } from '../broker/operations/queue-declaration.ts'
import { pauseQueue, resumeQueue } from '../broker/operations/queue-pause.ts'
import type { ConsumerOrigin } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import { FULL_ACCESS, type Session } from '../broker/session.ts'
import type { Vhost } from '../broker/vhost.ts'
import { checkOptions } from '../lib/checks.ts'
import {
  DELETE_EXCHANGE_CHECKS,
  DELETE_QUEUE_CHECKS,
  type DeleteExchangeOptions,
  type DeleteQueueOptions,
} from './call-options.ts'
import {
  bindingRequest,
  checkName,
  type ExchangeOptions,
  exchangeDeclaration,
  type QueueOptions,
  queueDeclaration,
} from './declarations.ts'
import {
  type ConsumerInfo,
  consumerInfo,
  type ExchangeInfo,
  exchangeInfo,
  type QueueInfo,
  queueInfo,
} from './entities.ts'

type BindingParts = Parameters<typeof bindingRequest>

export class EmbeddedTopology {
  readonly #vhost: () => Vhost
  readonly #session: Session

  /** `vhost` throws when the virtual host is gone, or the server. */
  constructor(vhost: () => Vhost, session: Session) {
    this.#vhost = vhost
    this.#session = session
  }

  declareExchange(name: string, type: string, options: ExchangeOptions): ExchangeInfo {
    const vhost = this.#unbound()
    const declaration = exchangeDeclaration(name, type, options)
    return exchangeInfo(
      vhost,
      this.#decided(() => declareExchange(vhost, declaration, this.#session)),
    )
  }

  deleteExchange(name: string, options: DeleteExchangeOptions): void {
    checkName(name)
    checkOptions('deleteExchange', options, DELETE_EXCHANGE_CHECKS)
    const vhost = this.#unbound()
    this.#decided(() => deleteExchange(vhost, name, options.ifUnused ?? false, this.#session))
    this.#unbound()
  }

  declareQueue(name: string, options: QueueOptions): QueueInfo {
    const vhost = this.#unbound()
    const declaration = queueDeclaration(name, options)
    return queueInfo(
      vhost,
      this.#decided(() => declareQueue(vhost, declaration, this.#session)),
    )
  }

  deleteQueue(name: string, options: DeleteQueueOptions): number {
    checkName(name)
    checkOptions('deleteQueue', options, DELETE_QUEUE_CHECKS)
    const { ifUnused = false, ifEmpty = false } = options
    const messageCount = deleteQueue(this.#vhost(), name, ifUnused, ifEmpty, this.#session)
    this.#unbound()
    return messageCount
  }

  /** The program itself does not wait: bindings of what was removed are taken away first. For one of the server's users it is told to. */
  #unbound(): Vhost {
    const vhost = this.#vhost()
    if (this.#session.access === FULL_ACCESS) vhost.unbindings.finish()
    return vhost
  }

  /** Nor for anything else that goes, where it has to be gone: that is done at once, too. */
  #decided<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (!(error instanceof Undecided) || this.#session.access !== FULL_ACCESS) throw error
      this.#vhost().removals.finish(true)
      return act()
    }
  }

  purgeQueue(name: string): number {
    return this.accessQueue(name).purge()
  }

  pauseQueue(name: string): void {
    pauseQueue(this.#vhost(), this.accessQueue(name, 'configure'))
  }

  resumeQueue(name: string): void {
    resumeQueue(this.#vhost(), this.accessQueue(name, 'configure'))
  }

  /** One that may be read from, or whatever else it is for. */
  readonly accessQueue = (name: string, permission: Permission = 'read'): Queue => {
    return accessQueue(this.#vhost(), checkName(name, 'the name of the queue'), this.#session, permission)
  }

  bindQueue(...binding: BindingParts): void {
    const request = bindingRequest(...binding)
    this.#decided(() => bindQueue(this.#vhost(), request, this.#session))
  }

  unbindQueue(...binding: BindingParts): void {
    unbindQueue(this.#vhost(), bindingRequest(...binding), this.#session)
  }

  bindExchange(...binding: BindingParts): void {
    const request = bindingRequest(...binding)
    this.#decided(() => bindExchange(this.#vhost(), request, this.#session))
  }

  unbindExchange(...binding: BindingParts): void {
    unbindExchange(this.#vhost(), bindingRequest(...binding), this.#session)
  }

  exchange(name: string): ExchangeInfo | undefined {
    const vhost = this.#vhost()
    const exchange = vhost.exchange(name)
    return exchange === undefined ? undefined : exchangeInfo(vhost, exchange)
  }

  queue(name: string): QueueInfo | undefined {
    const vhost = this.#vhost()
    const queue = vhost.queue(name)
    return queue === undefined ? undefined : queueInfo(vhost, queue)
  }

  exchanges(): ExchangeInfo[] {
    const vhost = this.#vhost()
    return Array.from(vhost.exchanges(), (exchange) => exchangeInfo(vhost, exchange))
  }

  queues(): QueueInfo[] {
    const vhost = this.#vhost()
    return Array.from(vhost.queues(), (queue) => queueInfo(vhost, queue))
  }

  /** Of a queue, or of all queues. */
  consumers(queueName: string | undefined): ConsumerInfo[] {
    const vhost = this.#vhost()
    const queues = queueName === undefined ? [...vhost.queues()] : [vhost.requireQueue(queueName)]
    return queues.flatMap((queue) => queue.consumers.all().map(consumerInfo))
  }

  cancelConsumer(queue: string, origin: ConsumerOrigin, tag: string): boolean {
    const vhost = this.#vhost()
    return cancelConsumer(vhost, vhost.requireQueue(queue), origin, tag)
  }
}
