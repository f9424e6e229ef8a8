// A real browser that opens a page of ours: the page runs a function of the test, and posts what it returns.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AMQPWebSocketClient } from '@cloudamqp/amqp-client'

/** What the browser build of the client exports. */
export interface Library {
  readonly AMQPWebSocketClient: typeof AMQPWebSocketClient
}

/** Runs in the page: it sees nothing but what it is given. */
export type Work<A, R> = (library: Library, argument: A) => Promise<R>

const LIBRARY = fileURLToPath(
  new URL('../../node_modules/@cloudamqp/amqp-client/dist/amqp-websocket-client.mjs', import.meta.url),
)

/** Serves the pages, and takes their results. */
export class Pages {
  readonly #server: Server
  #script = ''
  #told: (result: string) => void = () => {}

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  static async open(): Promise<Pages> {
    const pages = new Pages()
    pages.#server.listen(0, '127.0.0.1')
    await once(pages.#server, 'listening')
    return pages
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` // it listens on a port
  }

  /** Has a browser run this, and returns what it returned. The browser stays at the page. */
  async run<A, R>(browser: Browser, work: Work<A, R>, argument: A): Promise<R> {
    this.#script = [
      "import * as library from '/library.mjs'",
      `const tell = (result) => fetch('/result', { method: 'POST', body: JSON.stringify(result) })`,
      `const work = ${work}`,
      `work(library, ${JSON.stringify(argument)}).then((value) => tell({ value }), (error) => tell({ error: String(error) }))`,
    ].join('\n')
    const told = new Promise<string>((resolve) => {
      this.#told = resolve
    })
    browser.visit(`${this.origin}/`)
    const gone = browser.gone.then((output) => JSON.stringify({ error: `the browser has ended: ${output}` }))
    const result = JSON.parse(await Promise.race([told, gone]))
    if (result.error !== undefined) throw new Error(result.error)
    return result.value
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (type: string, body: string | Buffer) => response.setHeader('content-type', type).end(body)
    switch (request.url) {
      case '/':
        return void send('text/html', '<!doctype html><script type="module" src="/page.mjs"></script>')
      case '/page.mjs':
        return void send('text/javascript', this.#script)
      case '/library.mjs':
        return void send('text/javascript', readFileSync(LIBRARY))
      case '/result': {
        const parts: Buffer[] = []
        for await (const part of request) parts.push(part)
        response.end()
        return this.#told(Buffer.concat(parts).toString())
      }
      default:
        response.writeHead(404).end()
    }
  }
}

/** One browser, with one page. */
export class Browser {
  readonly #command: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'leveret-browser-'))
  #process: ChildProcess | undefined
  #tellGone: (output: string) => void = () => {}
  /** It has ended by itself; what it said. */
  readonly gone = new Promise<string>((resolve) => {
    this.#tellGone = resolve
  })

  constructor(command: string) {
    this.#command = command
  }

  visit(url: string): void {
    const options = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage']
    const more = ['--remote-debugging-port=0', '--ignore-certificate-errors', `--user-data-dir=${this.#folder}`]
    const child = spawn(this.#command, [...options, ...more, url], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true, // it has processes of its own, which end with it as a group
    })
    this.#process = child
    let output = ''
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    child.on('error', (error) => this.#tellGone(error.message))
    child.on('exit', () => this.#tellGone(output))
  }

  /** Without a chance to say goodbye to the broker. */
  async kill(): Promise<void> {
    const child = this.#process
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      process.kill(-(child.pid as number), 'SIGKILL')
      await ended
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}
