// The programs of the README run as they are printed.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The first program below a heading that contains the text. */
function program(heading: string, text: string): string {
  const section = README.slice(README.indexOf(`\n## ${heading}\n`))
  const found = [...section.matchAll(/```ts\n(.*?)```/gs)]
    .map(([, code]) => String(code))
    .find((code) => code.includes(text))
  if (found === undefined) throw new Error(`the README has no program with ${text} below ${heading}`)
  return found
}

async function output(code: string): Promise<string> {
  const args = ['--input-type=module', '-e', code]
  return (await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 10_000 })).stdout
}

test('a broker inside a program', async () => {
  const code = program('Inside a program', 'broker.consume').replace('127.0.0.1:5672', '127.0.0.1:0')
  const after = `
    while (broker.stats().messagesReady + broker.stats().messagesUnacked > 0) await new Promise(setImmediate)
    process.kill(process.pid, 'SIGTERM')
  `
  expect(await output(code + after)).toBe('order.book a book\n')
})

test('a transaction takes the order and writes the invoice', async () => {
  const code = program('Inside a program', 'executeAtomic')
  const before = `
    import { ServerBuilder } from 'leveret'
    const server = new ServerBuilder().build()
    await server.start()
    const { broker } = server
    broker.declareQueue('orders')
    broker.publish('', 'orders', 'a book')
  `
  const after = `
    console.log((await broker.get('invoices'))?.body.toString(), broker.stats().messagesReady, broker.queueInfo('orders')?.messagesUnacked)
    await server.shutdown()
  `
  expect(await output(before + code + after)).toBe('invoice for a book 0 0\n')
})

test('a broker inside a test suite', async () => {
  const after = `
    try { amqpServer.reset() } catch (error) { console.log(error.message) }
  `
  expect(await output(program('Inside a test suite', 'startTestBroker') + after)).toContain('the broker was stopped')
})
