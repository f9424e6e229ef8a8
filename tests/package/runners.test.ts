/** The packed package in the test runners that people have, in both module forms. */
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { installConsumer, run, writeProject } from './consumer.ts'

const REQUIRES = `
const assert = require('node:assert/strict')
const amqp = require('amqplib')
const { BrokerError } = require('leveret')
const { startTestBroker } = require('leveret/testing')
`
const IMPORTS = `
import assert from 'node:assert/strict'
import * as amqp from 'amqplib'
import { BrokerError } from 'leveret'
import { startTestBroker } from 'leveret/testing'
`
/** One message through a real client, and an error that is an instance of the class that was loaded beside it. */
const CASE = `
test('a message goes through the broker', async () => {
  const server = await startTestBroker()
  const connection = await amqp.connect(server.url, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('orders')
  channel.sendToQueue('orders', Buffer.from('a book'))
  await channel.waitForConfirms()
  assert.equal((await server.broker.get('orders'))?.body.toString(), 'a book')
  await assert.rejects(server.broker.get('missing'), BrokerError)
  await connection.close()
  await server.stop()
})
`

let consumer: string

beforeAll(async () => {
  consumer = await installConsumer()
})

interface Runner {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  /** Below node_modules, and what follows it; none for Node.js itself. */
  readonly command: readonly string[]
  readonly nodeOptions?: string
  /** In the output when one test has passed. */
  readonly passed: RegExp
}

const RUNNERS: readonly Runner[] = [
  {
    name: 'node:test with require',
    files: { 'broker.test.cjs': `const { test } = require('node:test')${REQUIRES}${CASE}` },
    command: ['--test'],
    passed: /pass 1\n/,
  },
  {
    name: 'node:test with import',
    files: { 'broker.test.mjs': `import { test } from 'node:test'${IMPORTS}${CASE}` },
    command: ['--test'],
    passed: /pass 1\n/,
  },
  {
    name: 'mocha with require',
    files: { 'test/broker.cjs': `${REQUIRES}const test = it\n${CASE}` },
    command: ['mocha/bin/mocha.js', 'test/broker.cjs'],
    passed: /1 passing/,
  },
  {
    name: 'mocha with import',
    files: { 'test/broker.mjs': `${IMPORTS}const test = it\n${CASE}` },
    command: ['mocha/bin/mocha.js', 'test/broker.mjs'],
    passed: /1 passing/,
  },
  {
    name: 'jest as it comes',
    files: { 'broker.test.js': `${REQUIRES}${CASE}` },
    command: ['jest/bin/jest.js', '--rootDir', '.'],
    passed: /Tests: +1 passed, 1 total/,
  },
  {
    name: 'jest with ES modules',
    files: {
      'broker.test.mjs': `${IMPORTS}${CASE}`,
      'jest.config.json': JSON.stringify({ testMatch: ['**/*.test.mjs'], transform: {} }),
    },
    command: ['jest/bin/jest.js'],
    nodeOptions: '--experimental-vm-modules',
    passed: /Tests: +1 passed, 1 total/,
  },
  {
    name: 'ts-jest',
    files: {
      'broker.test.ts': `${IMPORTS}${CASE}`,
      'jest.config.json': JSON.stringify({ preset: 'ts-jest', testEnvironment: 'node' }),
      'tsconfig.json': JSON.stringify({
        compilerOptions: { target: 'es2022', module: 'commonjs', strict: true, esModuleInterop: true },
      }),
    },
    command: ['jest/bin/jest.js'],
    passed: /Tests: +1 passed, 1 total/,
  },
  {
    name: 'vitest',
    files: {
      'broker.test.ts': `import { test } from 'vitest'${IMPORTS}${CASE}`,
      'vitest.config.mjs': 'export default {}',
    },
    command: ['vitest/vitest.mjs', 'run', '--root', '.'],
    passed: /Tests +1 passed \(1\)/,
  },
]

test.each(RUNNERS)('$name runs a test with a broker of its own', async (runner) => {
  const { name, files, nodeOptions = '', passed } = runner
  const folder = await writeProject(join(consumer, name.replaceAll(/\W+/g, '-')), files)
  const [script = '', ...args] = runner.command
  const program = script.startsWith('-') ? script : join(consumer, 'node_modules', script)
  const environment = { NODE_OPTIONS: nodeOptions, NO_COLOR: '1' }
  const { code, output } = await run(process.execPath, [program, ...args], folder, environment)
  expect(output).toMatch(passed)
  expect(code, output).toBe(0)
})

test('require and import give the same classes, so that nothing is there twice', async () => {
  const folder = await writeProject(join(consumer, 'both'), {
    'main.cjs': `
      const doors = ['leveret', 'leveret/protocol', 'leveret/storage', 'leveret/testing']
      Promise.all(doors.map(async (door) => require(door) === (await import(door)))).then((same) => console.log(same.join()))
    `,
  })
  expect((await run(process.execPath, ['main.cjs'], folder)).output).toBe('true,true,true,true\n')
})
