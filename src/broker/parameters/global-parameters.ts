/** RabbitMQ's global parameters: values as JSON under names, for the operator and the operator's tools. The broker itself reads few of them. */
import type { EntityRecords, EntityRegistry } from '../../../storage/entity-registry.ts'
import { jsonText, parseJson } from '../../lib/exact-json.ts'
import { refuse } from '../errors.ts'

/** Integers that no number holds exactly are bigints. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/** As JSON. */
const VALUE_CHARACTERS_MAX = 64 * 1024
const PARAMETERS_MAX = 1000

export class GlobalParameters {
  /** Values as JSON, by name. */
  readonly #values = new Map<string, string>()
  readonly #records: EntityRecords

  constructor(registry: EntityRegistry) {
    this.#records = registry.register({
      number: 20,
      name: 'global parameter',
      restore: ([name], value) => {
        if (name === undefined) throw new Error('its key is too short')
        const text = Buffer.from(value).toString()
        parseJson(text)
        this.#values.set(name, text)
      },
    })
  }

  get(name: string): JsonValue | undefined {
    const text = this.#values.get(name)
    return text === undefined ? undefined : (parseJson(text) as JsonValue)
  }

  names(): string[] {
    return [...this.#values.keys()]
  }

  /** Throws BrokerError for a value that is too large, and for one more than there may be. */
  set(name: string, value: JsonValue): void {
    const text = jsonText(value)
    if (text.length > VALUE_CHARACTERS_MAX) throw refuse.parameterTooLarge(name, VALUE_CHARACTERS_MAX)
    if (!this.#values.has(name) && this.#values.size >= PARAMETERS_MAX)
      throw refuse.tooManyParameters(name, PARAMETERS_MAX)
    this.#values.set(name, text)
    this.#records.put([name], () => Buffer.from(text))
  }

  /** False when there is none of that name. */
  remove(name: string): boolean {
    if (!this.#values.delete(name)) return false
    this.#records.remove([name])
    return true
  }
}
