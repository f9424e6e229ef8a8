/** RabbitMQ's global parameters, for code in the same process. */
import type { Broker } from '../broker/broker.ts'
import type { JsonValue } from '../broker/parameters/global-parameters.ts'
import { checkName } from './declarations.ts'
import { durable } from './durable.ts'

export interface GlobalParametersContext {
  readonly core: Broker
  /** Throws while nothing can be changed. */
  readonly requireRunning: () => void
}

/** Values of the operator, as JSON, by name. The broker reads `cluster_name`, and does nothing with all others. */
export class EmbeddedGlobalParameters {
  readonly #context: GlobalParametersContext

  /** Servers make it: see `Server.globalParameters`. */
  constructor(context: GlobalParametersContext) {
    this.#context = context
  }

  get(name: string): JsonValue | undefined {
    return this.#context.core.globalParameters.get(name)
  }

  names(): string[] {
    return this.#context.core.globalParameters.names()
  }

  /**
   * Resolves when it is durable. Rejects with BrokerError `precondition-failed` for a value of more than 65,536 characters of JSON,
   * and when there are 1000 others already.
   */
  async set(name: string, value: JsonValue): Promise<void> {
    this.#context.requireRunning()
    this.#context.core.globalParameters.set(checkName(name), value)
    await durable(this.#context.core.journal)
  }

  /** False when there is none of that name. */
  async delete(name: string): Promise<boolean> {
    this.#context.requireRunning()
    const isRemoved = this.#context.core.globalParameters.remove(name)
    await durable(this.#context.core.journal)
    return isRemoved
  }
}
