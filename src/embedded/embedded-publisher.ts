import type { Broker } from '../broker/broker.ts'
import { refuse } from '../broker/errors.ts'
import type { Message } from '../broker/message.ts'
import { type Publication, Publisher } from '../broker/publisher.ts'
import type { Vhost } from '../broker/vhost.ts'

/** Code in this process is trusted: it may publish in anybody's name. */
const IN_PROCESS_USER = { name: '', isImpersonator: true }

/** Publishing from this process. It cannot be made to wait while memory is short, so it is refused. */
export class EmbeddedPublisher {
  readonly #publisher: Publisher
  readonly #memory: Broker['memory']

  constructor(vhost: Vhost, memory: Broker['memory'], maxMessageSizeBytes: number) {
    this.#publisher = new Publisher(vhost, IN_PROCESS_USER, maxMessageSizeBytes)
    this.#memory = memory
  }

  /** Whether the message was put into at least one queue. Throws BrokerError. */
  publish(message: Message): boolean {
    this.#requireMemory()
    return this.#publisher.publish(message)
  }

  /** Makes sure that the message can be published. Throws BrokerError. */
  prepare(message: Message): Publication {
    this.#requireMemory()
    return this.#publisher.prepare(message)
  }

  #requireMemory(): void {
    this.#memory.check()
    if (this.#memory.isActive) throw refuse.memoryAlarm()
  }
}
