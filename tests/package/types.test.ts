/** The types of the packed package, with all library checks on, in every way that compilers resolve packages. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { installConsumer, ROOT, run, writeProject } from './consumer.ts'

const USE = `
import { BrokerError, MemoryStorage, publishOperation, type Server, ServerBuilder, UserList } from 'leveret'
import { encodeMethodFrame, type Properties } from 'leveret/protocol'
import { LevelStorage, QueueLog, SegmentPool, type Storage } from 'leveret/storage'
import { startTestBroker, type TestBroker } from 'leveret/testing'

export const properties: Properties = { deliveryMode: 2 }
export const storages: Storage[] = [new LevelStorage({ folder: 'orders' }), new MemoryStorage()]
export const log = new QueueLog(new SegmentPool())
export const frame: Uint8Array = encodeMethodFrame(1, 'basic.qos', { prefetchSize: 0, prefetchCount: 1, global: false })

export async function use(): Promise<Server> {
  const test: TestBroker = await startTestBroker({ channelMax: 5 })
  test.broker.publish('', 'orders', 'a book', { deliveryMode: 2, headers: { pages: 320 } })
  await test.stop()
  const users = new UserList({ loopbackUsers: [] })
  const server = new ServerBuilder().withStorage(new MemoryStorage()).withAuthenticator(users).build()
  const message = await server.broker.get('orders')
  if (message === undefined) throw new BrokerError('not-found', 'no order')
  await server.transactions.executeAtomic((add) => add(publishOperation('', 'invoices', { body: message.body })))
  return server
}

// @ts-expect-error there is no such setting: the types are really there
export const wrong = new ServerBuilder().withConfig({ channelMaximum: 5 })
`

/** All declarations of packages are checked, those that the compilers themselves come with are not. */
const STRICT = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  skipDefaultLibCheck: true,
  types: ['node'],
  target: 'es2022',
}

let consumer: string

beforeAll(async () => {
  consumer = await installConsumer()
})

const OLD = 'typescript-5.0'
const COMMON = 'typescript'
const OWN = 'typescript of this project'

test.each([
  [OLD, 'commonjs', 'node10', 'use.ts'],
  [OLD, 'node16', 'node16', 'use.cts'],
  [OLD, 'node16', 'node16', 'use.mts'],
  [OLD, 'esnext', 'bundler', 'use.ts'],
  [COMMON, 'commonjs', 'node10', 'use.ts'],
  [COMMON, 'node16', 'node16', 'use.cts'],
  [COMMON, 'nodenext', 'nodenext', 'use.cts'],
  [COMMON, 'nodenext', 'nodenext', 'use.mts'],
  [OWN, 'commonjs', 'bundler', 'use.ts'],
  [OWN, 'node16', 'node16', 'use.cts'],
  [OWN, 'nodenext', 'nodenext', 'use.mts'],
])('%s takes the types: module %s, resolution %s, %s', async (compiler, module, moduleResolution, file) => {
  const modules = join(compiler === OWN ? ROOT : consumer, 'node_modules', compiler === OWN ? 'typescript' : compiler)
  const compilerOptions = { ...STRICT, module, moduleResolution }
  const folder = await writeProject(join(consumer, 'types'), {
    [file]: USE,
    'tsconfig.json': JSON.stringify({ compilerOptions, files: [file] }),
  })
  expect(await run(process.execPath, [join(modules, 'bin/tsc')], folder)).toEqual({ code: 0, output: '' })
})

test('every declaration map leads to a source that is in the package', async () => {
  const installed = join(consumer, 'node_modules/leveret')
  const names = await readdir(installed, { recursive: true })
  const maps = names.filter((name) => name.endsWith('.d.ts.map') && !name.startsWith('node_modules'))
  expect(maps.length).toBeGreaterThan(100)
  for (const name of maps) {
    const { sources }: { sources: string[] } = JSON.parse(await readFile(join(installed, name), 'utf8'))
    for (const source of sources) expect(existsSync(join(installed, dirname(name), source)), name).toBe(true)
  }
})
