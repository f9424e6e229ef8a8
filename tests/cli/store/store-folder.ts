import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { runCommandLine } from '../../../src/cli/command-line.ts'
import { ServerBuilder } from '../../../src/server/server-builder.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { TestContext } from '../serve-context.ts'

/** A new empty folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export async function startBroker(folder: string) {
  const server = new ServerBuilder()
    .withConfig({ passwordHashing: 'sha256' })
    .withStorage(new LevelStorage({ folder }))
    .build()
  await server.start()
  return server
}

export const MESSAGES = 100
/** The last message has a body of this size, which is kept beside its page. */
export const LARGE_BODY_BYTES = 50_000

/** The files of the store that every test gets a copy of: to start a broker for each takes much longer. */
let made: Promise<[name: string, content: Buffer][]> | undefined

/** Two queues with the same messages, some of which were acked in the first. */
export async function makeStore(folder = join(temporaryFolder(), 'store')): Promise<string> {
  made ??= firstStore(join(temporaryFolder(), 'store')).then(filesOf)
  for (const [name, content] of await made) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

async function firstStore(folder: string): Promise<string> {
  const server = await startBroker(folder)
  const { broker } = server
  broker.declareExchange('news', 'fanout', { durable: true })
  for (const queue of ['first', 'second']) {
    broker.declareQueue(queue, { durable: true })
    broker.bindQueue(queue, 'news', '')
  }
  for (let number = 1; number < MESSAGES; number++) broker.publish('news', '', `message ${number}`, { deliveryMode: 2 })
  broker.publish('news', '', Buffer.alloc(LARGE_BODY_BYTES, 'large'), { deliveryMode: 2 })
  await new Promise<void>((resolve) => server.core.journal.whenDurable(resolve))
  for (let number = 1; number <= 10; number++) {
    const message = await broker.get('first')
    if (message !== undefined) broker.ack(message)
  }
  await server.shutdown()
  return folder
}

/** The messages that a broker on this store has, by queue. */
export async function messagesIn(folder: string): Promise<Record<string, string[]>> {
  const server = await startBroker(folder)
  const found: Record<string, string[]> = {}
  for (const { name } of server.broker.queues()) {
    found[name] = []
    for (let message = await server.broker.get(name); message !== undefined; message = await server.broker.get(name)) {
      found[name].push(String(message.body))
    }
  }
  await server.shutdown()
  return found
}

/** All files of a folder with their content, in the order of their names. */
export function filesOf(folder: string): [name: string, content: Buffer][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
    .map((name) => [name, readFileSync(join(folder, name))])
}

/** All files of a folder with a hash of their content: what is compared is short. */
export function fingerprintsOf(folder: string): string[] {
  return filesOf(folder).map(([name, content]) => `${name} ${createHash('sha256').update(content).digest('hex')}`)
}

export function logFile(folder: string): string {
  const [name] = readdirSync(join(folder, 'log')).sort()
  if (name === undefined) throw new Error('there is no log')
  return join(folder, 'log', name)
}

/** Changes one byte behind the place where this text begins. */
export function damage(path: string, text: string): void {
  const bytes = readFileSync(path)
  const at = bytes.indexOf(text)
  if (at < 0) throw new Error(`${path} has no '${text}'`)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
  writeFileSync(path, bytes)
}

export async function leveret(...args: string[]) {
  const context = new TestContext()
  const exitCode = await runCommandLine(args, context)
  return { exitCode, printed: context.printed.join('\n'), errors: context.printedErrors.join('\n') }
}
