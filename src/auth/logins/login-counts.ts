/**
 * Counts log-ins, in all and by who tried from where. RabbitMQ: `auth_attempts`. Of the latter the last thousand are kept: addresses
 * and names are the clients' own words.
 */
import type { LoginProtocol } from './sasl.ts'

const SOURCES_MAX = 1000
const NAME_CHARACTERS_MAX = 255

export interface LoginCount {
  readonly protocol: LoginProtocol
  readonly succeeded: number
  readonly failed: number
}

export interface SourceLoginCount extends LoginCount {
  readonly address: string
  /** Empty for clients that gave none. */
  readonly name: string
}

type Counted<T> = { -readonly [N in keyof T]: T[N] }

export class LoginCounts {
  #protocols = new Map<LoginProtocol, Counted<LoginCount>>()
  /** Who was heard of last is last. */
  #sources = new Map<string, Counted<SourceLoginCount>>()

  add(protocol: LoginProtocol, address: string, givenName: string, isSuccess: boolean): void {
    const name = givenName.slice(0, NAME_CHARACTERS_MAX)
    const total = this.#protocols.get(protocol) ?? { protocol, succeeded: 0, failed: 0 }
    this.#protocols.set(protocol, total)
    const key = JSON.stringify([protocol, address, name])
    const source = this.#sources.get(key) ?? { protocol, address, name, succeeded: 0, failed: 0 }
    this.#sources.delete(key)
    this.#sources.set(key, source)
    if (this.#sources.size > SOURCES_MAX) this.#sources.delete(this.#sources.keys().next().value as string)
    for (const count of [total, source]) {
      if (isSuccess) count.succeeded++
      else count.failed++
    }
  }

  byProtocol(): LoginCount[] {
    return Array.from(this.#protocols.values(), (count) => ({ ...count }))
  }

  bySource(): SourceLoginCount[] {
    return Array.from(this.#sources.values(), (count) => ({ ...count }))
  }

  /** Counts from zero again. */
  reset(): void {
    this.#protocols = new Map()
    this.#sources = new Map()
  }
}
