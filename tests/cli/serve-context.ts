import { EventEmitter } from 'node:events'
import type { Config, OptionName } from '../../config/options.ts'
import type { CommandContext } from '../../src/cli/command-context.ts'
import type { ServedServer } from '../../src/cli/served-server.ts'
import type { ControlledProcess } from '../../src/http/control-routes.ts'

/** A server that is told what happens to it, and tells. */
class FakeServer implements ServedServer {
  startError: Error | undefined
  listenError: Error | undefined
  /** Settles when the test wants the shutdown to be over. */
  shutdownDone: Promise<void> = Promise.resolve()
  graceMs: number | undefined

  /** Settles when the test wants the store to be open. */
  startDone: Promise<void> = Promise.resolve()

  async start() {
    if (this.startError !== undefined) throw this.startError
    await this.startDone
  }

  definitionsError: Error | undefined
  async loadDefinitions() {
    if (this.definitionsError !== undefined) throw this.definitionsError
  }

  async listen() {
    if (this.listenError !== undefined) throw this.listenError
    const common = { protocol: 'amqp', port: 41_234, path: undefined } as const
    return [
      { name: 'amqp', host: '127.0.0.1', ...common },
      { name: 'amqp-2', host: '::1', ...common },
    ]
  }

  async openHttpDoors() {}

  process: ControlledProcess | undefined
  async openControl(process: ControlledProcess) {
    this.process = process
  }

  readonly reloads: (readonly OptionName[])[] = []
  /** Options that can change. */
  changeable: readonly OptionName[] = []
  reload(_config: Config, changed: readonly OptionName[]) {
    this.reloads.push(changed)
    return this.changeable
  }

  shutdown({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.graceMs = graceMs
    return this.shutdownDone
  }
}

interface LogEntry {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** A process around `serve` in which a test sees everything and nothing really ends. */
export class TestContext implements CommandContext {
  readonly environment: Record<string, string> = {}
  readonly signals = new EventEmitter()
  readonly server = new FakeServer()
  readonly printed: string[] = []
  readonly printedErrors: string[] = []
  readonly log: string[] = []
  readonly forcedExits: number[] = []
  config: Config | undefined
  flushes = 0
  #waiting: { readonly text: string; readonly resolve: () => void }[] = []

  /** What comes on standard input. */
  input = ''

  async readInput(): Promise<string> {
    return this.input
  }

  printLine(text: string): void {
    this.printed.push(text)
  }

  printError(text: string): void {
    this.printedErrors.push(text)
  }

  async openOutput() {
    return {
      isTerminal: false,
      onDropped: undefined,
      write: (line: string) => {
        this.log.push(line)
        for (const one of this.#waiting) if (line.includes(one.text)) one.resolve()
      },
      flush: async () => void this.flushes++,
      flushSync: () => void this.flushes++,
    }
  }

  async createServer(config: Config) {
    this.config = config
    return this.server
  }

  forceExit(code: number): void {
    this.forcedExits.push(code)
  }

  /** Resolves when a line with this text is logged. */
  logged(text: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ text, resolve }))
  }

  entries(): LogEntry[] {
    return this.log.map((line) => JSON.parse(line))
  }

  messages(): string[] {
    return this.entries().map(({ msg }) => msg)
  }
}
