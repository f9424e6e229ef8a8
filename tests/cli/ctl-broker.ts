// A broker with a control socket, and `leveret ctl` in the process of the test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommandLine } from '../../src/cli/command-line.ts'
import type { ControlledProcess } from '../../src/http/control-routes.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { TestContext } from './serve-context.ts'

export interface CtlResult {
  readonly code: number
  /** What was printed, line by line. */
  readonly lines: readonly string[]
  readonly errors: string
}

/** The process around the broker. */
export class FakeProcess implements ControlledProcess {
  stops = 0
  onStop = (): void => {}
  report: Awaited<ReturnType<ControlledProcess['reload']>> = { applied: [], needRestart: [], problems: [] }
  readonly lines = ['first\n', 'second\n', 'third\n']
  readonly followers = new Set<(line: string) => void>()
  onFollow = (): void => {}

  readonly effectiveConfig = (): string => 'port = 5672\n# default_pass is hidden\n'
  readonly reload = async () => this.report
  readonly stop = (): void => {
    this.stops++
    this.onStop()
  }
  readonly recentLines = (count: number): readonly string[] => (count === 0 ? [] : this.lines.slice(-count))
  readonly followLines = (onLine: (line: string) => void): (() => void) => {
    this.followers.add(onLine)
    this.onFollow()
    return () => void this.followers.delete(onLine)
  }
}

/** `leveret ctl` with these arguments. */
export async function ctl(args: readonly string[], context = new TestContext()): Promise<CtlResult> {
  const code = await runCommandLine(['ctl', ...args], context)
  return { code, lines: context.printed.flatMap((text) => text.split('\n')), errors: context.printedErrors.join('\n') }
}

export class CtlBroker {
  readonly started: TestBroker
  readonly folder: string
  readonly process: FakeProcess

  private constructor(started: TestBroker, folder: string, process: FakeProcess) {
    this.started = started
    this.folder = folder
    this.process = process
  }

  static async start(config: Parameters<typeof startTestBroker>[0] = {}): Promise<CtlBroker> {
    const folder = mkdtempSync(join(tmpdir(), 'leveret-ctl-'))
    const started = await startTestBroker(config)
    const process = new FakeProcess()
    const broker = new CtlBroker(started, folder, process)
    await started.server.http.listenControl({ path: broker.socket, process })
    started.server.http.unref()
    return broker
  }

  get socket(): string {
    return join(this.folder, 'ctl.sock')
  }

  async stop(): Promise<void> {
    await this.started.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** With `input` on standard input. */
  run(args: readonly string[], input = ''): Promise<CtlResult> {
    const context = new TestContext()
    context.input = input
    return ctl([...args, '--ctl-socket', this.socket], context)
  }

  /** Lines without titles; throws when the command fails. */
  async lines(...args: readonly string[]): Promise<readonly string[]> {
    const { code, lines, errors } = await this.run([...args, '-q'])
    if (code !== 0) throw new Error(`${args.join(' ')}: ${errors}`)
    return lines
  }

  async json(...args: readonly string[]): Promise<unknown> {
    const [line = ''] = await this.lines(...args, '--formatter', 'json')
    return JSON.parse(line)
  }
}

/** Runs commands on a broker, and notes in `tested` which ones. */
export function commandsOf(broker: () => CtlBroker) {
  const tested = new Set<string>()
  return {
    tested,
    lines: (verb: string, ...args: readonly string[]): Promise<readonly string[]> => {
      tested.add(verb)
      return broker().lines(verb, ...args)
    },
    json: (verb: string, ...args: readonly string[]): Promise<unknown> => {
      tested.add(verb)
      return broker().json(verb, ...args)
    },
    run: (verb: string, ...args: readonly string[]): Promise<CtlResult> => {
      tested.add(verb)
      return broker().run([verb, ...args])
    },
  }
}
