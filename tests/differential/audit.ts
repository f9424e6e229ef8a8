// What a sequence leaves behind, seen by a stranger: while its connections are open, and then message by message.
import { methodFrame } from '../support/wire-frames.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import type { Client } from './client.ts'
import { EXCHANGES, QUEUES } from './names.ts'
import type { Session } from './session.ts'

const ANSWER_MS = 2500
/** Of one queue. */
const MESSAGES_MAX = 60

export class Audit {
  readonly #session: Session
  #client: Client | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /** Which queues and exchanges there are. */
  async look(): Promise<string[]> {
    const lines: string[] = []
    for (const queue of this.#queues()) lines.push(...(await this.#ask('queue.declare', { queue, passive: true })))
    for (const exchange of this.#exchanges()) {
      lines.push(...(await this.#ask('exchange.declare', { exchange, passive: true })))
    }
    return lines
  }

  /** The same and every message; all of it is deleted. */
  async drain(): Promise<string[]> {
    const lines: string[] = []
    for (const queue of this.#queues()) lines.push(...(await this.#drainQueue(queue)))
    for (const exchange of this.#exchanges()) {
      const there = await this.#ask('exchange.declare', { exchange, passive: true })
      lines.push(...there)
      if (isOk(there)) lines.push(...(await this.#ask('exchange.delete', { exchange })))
    }
    return lines
  }

  end(): void {
    this.#client?.drop()
  }

  async #drainQueue(queue: string): Promise<string[]> {
    const lines = await this.#ask('queue.declare', { queue, passive: true })
    if (!isOk(lines)) return lines
    for (let i = 0; i < MESSAGES_MAX; i++) {
      const got = await this.#ask('basic.get', { queue, noAck: true })
      lines.push(...got)
      if (!got.at(-1)?.startsWith('basic.get-ok')) break
    }
    return [...lines, ...(await this.#ask('queue.delete', { queue }))]
  }

  #queues(): string[] {
    return [...QUEUES.map((name) => this.#session.names.real(name)), ...this.#session.names.queues]
  }

  #exchanges(): string[] {
    return EXCHANGES.map((name) => this.#session.names.real(name))
  }

  async #ask(method: MethodName, args: MethodArguments): Promise<string[]> {
    const { waiting, vhost } = this.#session
    if (this.#client === undefined || this.#client.isOver) {
      this.#client = await this.#session.newClient('audit')
      await this.#client.login({ vhost })
    }
    const client = this.#client
    const channel = client.channel(1)
    if (channel.state !== 'open') {
      client.send(methodFrame(1, 'channel.open'))
      await waiting.until(() => channel.state === 'open' || client.isOver, ANSWER_MS)
    }
    channel.take(false)
    channel.sending(method, args, 'audit')
    client.send(methodFrame(1, method, args))
    await waiting.until(() => client.isOver || channel.events.length > 0, ANSWER_MS)
    return channel.take(false)
  }
}

function isOk(lines: readonly string[]): boolean {
  return lines.at(-1)?.includes('.declare-ok') === true
}
