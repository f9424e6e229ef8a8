/** What a command of `leveret ctl` is: data for the command line, and what it does. */
import type { Options } from 'yargs'
import type { BrokerClient } from './broker-client.ts'
import { unmarked } from './dashed-arguments.ts'

export interface Verb {
  readonly name: string
  /** Its arguments as yargs writes them: `<user> [password]`. */
  readonly args?: string
  readonly describe: string
  /** Said below its help. */
  readonly more?: string
  readonly options?: Readonly<Record<string, Options>>
  /** It may be about any virtual host: `--vhost` chooses one. */
  readonly hasVhost?: boolean
  /** It needs the control socket: the process around the server is what it is about. */
  readonly isLocal?: boolean
  /** The broker need not answer yet: which node it is can only be looked at behind the command. */
  readonly isEarly?: boolean
  /** How long it waits for an answer where nothing else is said, in seconds; 0 for any time. */
  readonly timeoutSec?: number
  run(call: VerbCall): Promise<Output> | Output
}

export type Row = Readonly<Record<string, unknown>>

/** What there is to print. */
export type Output =
  | {
      readonly kind: 'rows'
      /** Said in front of a table: `Listing queues for vhost / ...`. */
      readonly title: string
      readonly columns: readonly string[]
      readonly rows: readonly Row[]
    }
  | {
      readonly kind: 'object'
      readonly title?: string
      readonly value: unknown
      /** For people; made of the value when not given. */
      readonly text?: string
    }
  /** It is done; for people only. */
  | { readonly kind: 'done'; readonly text: string }
  /** Everything was printed already. */
  | { readonly kind: 'printed' }

export class VerbCall {
  readonly broker: BrokerClient
  readonly #given: Readonly<Record<string, unknown>>
  readonly #parts: CallParts

  constructor(broker: BrokerClient, given: Readonly<Record<string, unknown>>, parts: CallParts) {
    this.broker = broker
    this.#given = given
    this.#parts = parts
  }

  /** An argument or option that must be there. */
  text(name: string): string {
    return unmarked(String(this.#given[name]))
  }

  optional(name: string): string | undefined {
    // Given several times, the last one counts.
    const value = [this.#given[name]].flat().at(-1)
    return value === undefined ? undefined : unmarked(String(value))
  }

  flag(name: string): boolean {
    return this.#given[name] === true
  }

  words(name: string): readonly string[] {
    const value = this.#given[name]
    return value === undefined ? [] : [value].flat().map((word) => unmarked(String(word)))
  }

  get vhost(): string {
    return this.optional('vhost') ?? '/'
  }

  /** Of the option --timeout, or what the command has by itself. */
  get timeoutMs(): number {
    return this.#parts.timeoutMs
  }

  print(line: string): void {
    this.#parts.printLine(line)
  }

  /** The whole of standard input. */
  input(): Promise<string> {
    return this.#parts.readInput()
  }
}

export interface CallParts {
  readonly timeoutMs: number
  printLine(text: string): void
  readInput(): Promise<string>
}
