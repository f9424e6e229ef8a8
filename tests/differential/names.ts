// The names in a sequence and the names of a run. Sequences say `~q0`, `@generated`; a run has names of its own, so that
// it meets no other, and what the broker has made up is known only when it has answered.
import type { WireValue } from '../support/wire-values.ts'

export const QUEUES = ['~q0', '~q1', '~q2', '~q3']
export const EXCHANGES = ['~e0', '~e1', '~e2', '~e3']

/** A queue that the broker named last. */
export const GENERATED_QUEUE = '@generated'
/** A consumer tag that the broker made last. */
export const GENERATED_TAG = '@tag'
/** The address that a request was last received with. */
export const REPLY_ADDRESS = '@reply'

const REPLY = /amq\.rabbitmq\.reply-to\.[\w=+/.-]+/g

export class Names {
  readonly #prefix: string
  readonly queues: string[] = []
  readonly #tags: string[] = []
  #reply = 'amq.rabbitmq.reply-to.none'

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The value with the names of this run. */
  real<T extends WireValue | undefined>(value: T): T {
    if (typeof value === 'string') return this.#text(value) as T
    if (Array.isArray(value)) return value.map((item) => this.real(item as WireValue)) as WireValue as T
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.real(item as WireValue)])) as T
  }

  #text(text: string): string {
    if (text === GENERATED_QUEUE) return this.queues.at(-1) ?? 'amq.gen-none'
    if (text === GENERATED_TAG) return this.#tags.at(-1) ?? 'amq.ctag-none'
    if (text === REPLY_ADDRESS) return this.#reply
    return text.replaceAll('~', this.#prefix)
  }

  /** What the broker said, without what differs from run to run. */
  clean(text: string): string {
    this.#reply = text.match(REPLY)?.[0] ?? this.#reply
    return text
      .replaceAll(this.#prefix, '~')
      .replace(REPLY, 'amq.rabbitmq.reply-to.#')
      .replace(/amq\.gen-[\w=+/-]{22}/g, (name) => `amq.gen-#${numberOf(name, this.queues)}`)
      .replace(/amq\.ctag-[\w=+/-]{22}/g, (name) => `amq.ctag-#${numberOf(name, this.#tags)}`)
  }
}

function numberOf(name: string, known: string[]): number {
  if (!known.includes(name)) known.push(name)
  return known.indexOf(name)
}
