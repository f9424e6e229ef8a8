// The built program whose log cannot be written: it serves its clients and stops all the same.
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { RawClient } from '../../support/raw-client.ts'

const MAIN = join(import.meta.dirname, '../../../dist/src/cli/main.js')
const isLinux = process.platform === 'linux'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Started {
  readonly child: ChildProcess
  readonly port: number
}

/** A broker whose standard output is what the test says. Its log does not say when it listens. */
async function startedBroker(stdout: 'pipe' | number, ...args: string[]): Promise<Started> {
  const port = await freePort()
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:LEVERET|RABBITMQ)_/.test(name)))
  const stdio: StdioOptions = ['ignore', stdout, 'ignore']
  const child = spawn(process.execPath, [MAIN, '--storage', 'memory', '--port', String(port), ...args], { env, stdio })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, port }
}

/** A client of a broker that may not listen yet. */
async function connected({ child, port }: Started): Promise<RawClient> {
  for (;;) {
    expect(child.exitCode).toBe(null)
    const client = await RawClient.connect({ host: '127.0.0.1', port }).catch(() => undefined)
    if (client !== undefined) return await client.handshake()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** In the log, each of its characters is seven. */
const NAME = '\u0001'.repeat(200)

/** Makes the broker log three lines of more than a kilobyte, each of another kind, so many times. */
async function makeLog(client: RawClient, times: number): Promise<void> {
  const channel = await client.channel(1)
  for (let i = 0; i < times; i++) {
    await channel.expectRefusal('queue.declare', { queue: NAME, passive: true }, 404, /no queue/)
    await channel.expectRefusal('queue.declare', { queue: `amq.${NAME}` }, 403, /queue name/)
    await channel.expectRefusal('exchange.declare', { exchange: 'x', type: NAME }, 406, /unknown exchange type/)
  }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, 'exit')
  return code
}

async function stopped({ child }: Started): Promise<number | null> {
  const exit = exitOf(child)
  child.kill('SIGTERM')
  return await exit
}

/** A pipe of the system's, unlike the sockets that Node.js makes for its children. */
function pipe() {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-pipe-'))
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeEnd = openSync(path, constants.O_WRONLY)
  rmSync(folder, { recursive: true })
  return { readEnd, writeEnd }
}

/** Reads the log until a line has the message; how many lines were there, and the number that it names. */
async function countLines(log: Readable, message: string) {
  let lines = 0
  for await (const line of createInterface({ input: log })) {
    const entry = JSON.parse(line)
    if (entry.msg.startsWith('channel closed')) lines++
    if (entry.msg.includes(message)) return { lines, dropped: Number(entry.lines) }
  }
  throw new Error(`the log ended after ${lines} lines`)
}

test.runIf(isLinux)('on a full disk', async () => {
  const full = openSync('/dev/full', 'w')
  const broker = await startedBroker(full)
  closeSync(full)
  const client = await connected(broker)
  await makeLog(client, 20)
  client.destroy()
  expect(await stopped(broker)).toBe(0)
})

test.runIf(isLinux)('in a pipe that is closed', async () => {
  const { readEnd, writeEnd } = pipe()
  const broker = await startedBroker(writeEnd)
  closeSync(writeEnd)
  closeSync(readEnd)
  const client = await connected(broker)
  await makeLog(client, 20)
  client.destroy()
  expect(await stopped(broker)).toBe(0)
})

/** No more lines of one kind are written at once. */
const TIMES = 100

test.runIf(isLinux)(
  'in a pipe that nothing reads from: lines are dropped, counted, and missed when reading goes on',
  async () => {
    const { readEnd, writeEnd } = pipe()
    const broker = await startedBroker(writeEnd, '--log-format', 'json')
    closeSync(writeEnd)
    const client = await connected(broker)
    await makeLog(client, TIMES)
    const reader = new Socket({ fd: readEnd, readable: true, writable: false })
    onTestFinished(() => void reader.destroy())
    const { lines, dropped } = await countLines(reader, 'lines are missing')
    expect(dropped).toBeGreaterThan(0)
    expect(lines + dropped).toBe(3 * TIMES)
    client.destroy()
    expect(await stopped(broker)).toBe(0)
  },
)

test('in a socket that nothing reads from, to the end', async () => {
  const broker = await startedBroker('pipe')
  const client = await connected(broker)
  await makeLog(client, TIMES)
  client.destroy()
  expect(await stopped(broker)).toBe(0)
})

test('a second signal ends it at once all the same', async () => {
  const broker = await startedBroker('pipe', '--shutdown-grace', '3600')
  const client = await connected(broker)
  await makeLog(client, TIMES)
  const exit = exitOf(broker.child)
  broker.child.kill('SIGTERM')
  // The client does not answer: the broker would wait for an hour.
  await client.expect(0, 'connection.close', { replyCode: 320 })
  const timer = setInterval(() => broker.child.kill('SIGTERM'), 200)
  onTestFinished(() => clearInterval(timer))
  expect(await exit).toBe(1)
})
