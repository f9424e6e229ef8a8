import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run as confirms } from '../examples/confirms.ts'
import { run as customStorage, DatabaseStorage } from '../examples/custom-storage.ts'
import { run as embedding } from '../examples/embedding.ts'
import { run as helloWorld } from '../examples/hello-world.ts'
import { run as publishSubscribe } from '../examples/publish-subscribe.ts'
import { run as rpc } from '../examples/rpc.ts'
import { run as topics } from '../examples/topics.ts'
import { run as transactions } from '../examples/transactions.ts'
import { run as workQueue } from '../examples/work-queue.ts'
import { startTestBroker, type TestBroker } from '../src/testing.ts'
import type { Storage } from '../storage/storage.ts'
import { testStorageContract } from './storage/contract.ts'

interface Expected {
  readonly run: typeof helloWorld
  readonly prints: readonly string[]
}

/** Who of two workers does a task first, and which of two subscribers reads first, is open. */
const ANY_ORDER = ['work-queue', 'publish-subscribe']

const EXPECTED: Readonly<Record<string, Expected>> = {
  'hello-world': { run: helloWorld, prints: ['received: Hello, world'] },
  'work-queue': { run: workQueue, prints: ['done: wash', 'done: cut', 'done: cook', 'done: serve'] },
  'publish-subscribe': {
    run: publishSubscribe,
    prints: [
      'Ann reads: Rain tomorrow',
      'Bob reads: Rain tomorrow',
      'Ann reads: Sun on Sunday',
      'Bob reads: Sun on Sunday',
    ],
  },
  topics: {
    run: topics,
    prints: [
      'errors: log.shop.error',
      'errors: log.billing.error',
      'billing: log.billing.info',
      'billing: log.billing.error',
      'billing: log.billing',
    ],
  },
  rpc: { run: rpc, prints: ['fibonacci(1) = 1', 'fibonacci(10) = 55', 'fibonacci(30) = 832040'] },
  confirms: {
    run: confirms,
    prints: ['confirmed: 1, 2, 3', 'returned: lost (NO_ROUTE)', 'confirmed, although it went nowhere'],
  },
  transactions: {
    run: transactions,
    prints: [
      'before: 2 orders, 0 invoices',
      'order 1 in work: 1 orders, 0 invoices',
      'after commit: 1 orders, 1 invoices',
      'order 2 in work: 0 orders, 1 invoices',
      'after rollback: 0 orders, 1 invoices',
      'at the end: 1 orders, 1 invoices',
    ],
  },
}

const scratch = mkdtempSync(join(tmpdir(), 'leveret-examples-'))

const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'buffer' }

describe.each([
  ['memory-level', () => new MemoryLevel<string, Buffer>(ENCODINGS)],
  ['level', () => new Level<string, Buffer>(mkdtempSync(join(scratch, 'contract-')), ENCODINGS)],
] as const)('over %s', (_name, create) => {
  /** By the folder that another storage would use. */
  const databases = new Map<string, ReturnType<typeof create>>()

  testStorageContract('the storage of the example custom-storage', (folder) => {
    const database = databases.get(folder) ?? create()
    databases.set(folder, database)
    // The example uses the built package: the same classes, but to the compiler others.
    return new DatabaseStorage(database) as unknown as Storage
  })

  afterAll(async () => {
    for (const database of databases.values()) await database.close()
  })
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let broker: TestBroker

beforeAll(async () => {
  broker = await startTestBroker()
})

afterAll(() => broker.stop())

async function printed(run: typeof helloWorld, target: string): Promise<string[]> {
  const lines: string[] = []
  await run(target, (line) => lines.push(line))
  return lines
}

describe('the example', () => {
  test.each(Object.entries(EXPECTED))('%s prints what it promises, and cleans up', async (name, { run, prints }) => {
    const lines = (await printed(run, broker.url)).filter((line) => !line.startsWith('dropped: '))
    if (ANY_ORDER.includes(name)) expect(lines.toSorted()).toEqual(prints.toSorted())
    else expect(lines).toEqual(prints)
    expect(broker.broker.queues()).toEqual([])
  })

  test('embedding prints what it promises', async () => {
    expect(await printed(embedding, '127.0.0.1:0')).toEqual([
      'guest has connected',
      'ready: 2, unacked: 0',
      'order 2: a pen',
      'the client has its invoice for a book',
      'server is healthy',
    ])
  })

  test.each([
    ['memory-level', undefined],
    ['level', join(scratch, 'orders')],
  ])('custom-storage prints what it promises over %s', async (_name, folder) => {
    const lines: string[] = []
    await customStorage('127.0.0.1:0', (line) => lines.push(line), folder)
    expect(lines).toEqual(['kept: 1 queue, 2 messages', 'order: a book (again)', 'order: a pen'])
    if (folder !== undefined) expect(readdirSync(folder)).toContain('CURRENT')
  })

  test('is in this list, whichever it is', () => {
    const files = readdirSync(new URL('../examples', import.meta.url)).filter((name) => name.endsWith('.ts'))
    const names = files.map((name) => name.slice(0, -'.ts'.length))
    expect([...Object.keys(EXPECTED), 'custom-storage', 'embedding'].toSorted()).toEqual(names.toSorted())
  })
})
