import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { OptionName } from '../../../config/options.ts'
import { serve } from '../../../src/cli/serve/serve.ts'
import { storeFailure } from '../../../src/cli/store/store-failure.ts'
import { TestContext } from '../serve-context.ts'

const READY = 'Server startup complete'

function start(context: TestContext, flags: Partial<Record<OptionName, string>> = {}): Promise<number> {
  const given = { logFormat: 'json', ...flags }
  return serve(new Map(Object.entries(given) as [OptionName, string][]), context)
}

async function started(context: TestContext, flags?: Partial<Record<OptionName, string>>) {
  const ready = context.logged(READY)
  const exitCode = start(context, flags)
  await ready
  return { exitCode }
}

function confFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-serve-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'leveret.conf')
  writeFileSync(path, text)
  return path
}

describe('the start', () => {
  test('is logged: what runs, what it keeps, where it listens, how long it took', async () => {
    const context = new TestContext()
    const { exitCode } = await started(context, { memoryLimit: '64MiB' })
    expect(context.entries()).toMatchObject([
      { msg: 'Leveret starts', version: expect.stringMatching(/^\d+\.\d+\.\d+$/), node: process.version },
      { storage: 'leveldb', folder: resolve('leveret-data'), durability: 'sync' },
      { msg: 'to run without disk: --storage memory' },
      { limitBytes: 64 * 1024 * 1024, memoryBytes: expect.any(Number) },
      { msg: 'listening', host: '127.0.0.1', port: 41_234 },
      { msg: 'listening', host: '::1', port: 41_234 },
      { msg: READY, startMs: expect.any(Number) },
    ])
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(await exitCode).toBe(0)
  })

  test.each([
    [{ durability: 'sync' }, 'what is confirmed survives a crash and a power loss'],
    [{ durability: 'interval', syncIntervalMs: '50' }, 'what is confirmed survives a crash; a power loss'],
    [{ durability: 'os' }, 'what is confirmed survives a crash of the broker, but no power loss'],
  ])('says where messages are kept and what is promised: %o', async (flags, promise) => {
    const context = new TestContext()
    const { exitCode } = await started(context, { storage: 'leveldb', dataDir: 'some/folder', ...flags })
    const { msg, ...fields } = context.entries()[1] ?? {}
    expect(msg).toContain(promise)
    expect(fields).toMatchObject({ folder: resolve('some/folder'), durability: flags.durability })
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(await exitCode).toBe(0)
  })

  test('says that nothing is kept when storage is memory', async () => {
    const context = new TestContext()
    const { exitCode } = await started(context, { storage: 'memory' })
    expect(context.messages()[1]).toBe('messages live as long as this process; --data-dir is unused')
    expect(context.log.join()).not.toContain('to run without disk')
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(await exitCode).toBe(0)
  })

  test('goes on being told while the store is read for long', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const context = new TestContext()
    let finish = (): void => {}
    context.server.startDone = new Promise((resolve) => {
      finish = resolve
    })
    const ready = context.logged(READY)
    const starting = context.logged('limitBytes')
    const exitCode = start(context)
    await starting
    await new Promise((resolve) => setImmediate(resolve))
    vi.advanceTimersByTime(5000)
    const lines = context.entries().filter(({ msg }) => msg.startsWith('the store is being read'))
    expect(lines).toMatchObject([{ seconds: 2 }, { seconds: 4 }])
    finish()
    await ready
    expect(vi.getTimerCount()).toBe(0)
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(await exitCode).toBe(0)
  })

  test('passes warnings of the configuration on to the log', async () => {
    const context = new TestContext()
    context.environment.LEVERET_PROT = '1'
    const { exitCode } = await started(context)
    expect(context.messages()).toContain(
      'unknown environment variable LEVERET_PROT is ignored; did you mean LEVERET_PORT?',
    )
    context.signals.emit('SIGINT', 'SIGINT')
    await exitCode
  })

  test('never logs the password, and warns when it is the default one', async () => {
    const context = new TestContext()
    const { exitCode } = await started(context, { defaultPass: 'hush', bind: '0.0.0.0', logLevel: 'debug' })
    expect(context.log.join()).not.toContain('hush')
    expect(context.log.join()).not.toContain('public knowledge')
    context.signals.emit('SIGTERM', 'SIGTERM')
    await exitCode

    const careless = new TestContext()
    const { exitCode: other } = await started(careless, { bind: '0.0.0.0', loopbackUsers: 'none' })
    expect(careless.log.join()).toContain('public knowledge')
    careless.signals.emit('SIGTERM', 'SIGTERM')
    await other
  })

  test('takes settings from the config file', async () => {
    const context = new TestContext()
    const { exitCode } = await started(context, { config: confFile('heartbeat = 7\nchannel_max = 9'), channelMax: '8' })
    expect(context.config).toMatchObject({ heartbeatSec: 7, channelMax: 8 })
    context.signals.emit('SIGTERM', 'SIGTERM')
    await exitCode
  })
})

describe('a start that cannot be', () => {
  test('reports every wrong setting and ends with 2', async () => {
    const context = new TestContext()
    expect(await start(context, { port: 'x', heartbeatSec: '-1' })).toBe(2)
    expect(context.printedErrors).toEqual([
      "leveret: --port is 'x': must be an integer from 0 to 65535, or 'none'",
      "leveret: --heartbeat is '-1': must be an integer from 0 to 65535",
    ])
    expect(context.log).toEqual([])
  })

  test('reports a config file that cannot be read, beside the other errors', async () => {
    const context = new TestContext()
    expect(await start(context, { config: '/no/such/file.conf', port: 'x' })).toBe(2)
    expect(context.printedErrors).toHaveLength(2)
    expect(context.printedErrors[0]).toContain('/no/such/file.conf')
  })

  test.each([
    ['EADDRINUSE', 'another program listens there'],
    ['EACCES', 'does not let this user'],
    ['EADDRNOTAVAIL', 'does not have that address'],
    ['EWEIRD', 'strange things'],
  ])('says in a sentence why it cannot listen: %s', async (code, sentence) => {
    const context = new TestContext()
    context.server.listenError = Object.assign(new Error('strange things'), { code, address: '127.0.0.1', port: 5999 })
    expect(await start(context, { port: '5999' })).toBe(1)
    expect(context.printedErrors).toHaveLength(1)
    expect(context.printedErrors[0]).toContain('leveret: cannot listen on 127.0.0.1:5999: ')
    expect(context.printedErrors[0]).toContain(sentence)
    expect(context.entries().at(-1)).toMatchObject({ level: 'error', msg: expect.stringContaining(sentence) })
    expect(context.signals.eventNames()).toEqual([])
  })
})

test('SIGHUP has the TLS files read again, and stops nothing', async () => {
  const context = new TestContext()
  const { exitCode } = await started(context)
  context.signals.emit('SIGHUP', 'SIGHUP')
  expect(context.server.reloads).toEqual([[]])
  context.signals.emit('SIGTERM', 'SIGTERM')
  expect(await exitCode).toBe(0)
  expect(context.signals.eventNames()).toEqual([])
})

describe('a store that cannot be opened', () => {
  test.each([
    ['EACCES', 'this user may not write there'],
    ['EROFS', 'the disk is read-only'],
    ['ENOSPC', 'the disk is full'],
  ])('ends the start with 1, a sentence and a way out: %s', async (code, sentence) => {
    const context = new TestContext()
    context.server.startError = Object.assign(new Error('strange things'), { code, address: '127.0.0.1', port: 5999 })
    expect(await start(context, { dataDir: './data' })).toBe(1)
    const place = `leveret: cannot open the store in ${resolve('data')}: `
    expect(context.printedErrors).toEqual([expect.stringContaining(`${place}${sentence}`)])
    expect(context.printedErrors[0]).toMatch(/; --data-dir .*, --storage memory runs without disk$/)
    expect(`leveret: ${context.entries().at(-1)?.msg}`).toBe(context.printedErrors[0])
    expect(context.signals.eventNames()).toEqual([])
  })
})

test('a store that fails to open for an unknown reason is told in the words of the error', () => {
  const unknown = Object.assign(new Error('could not open', { cause: new Error('strange things') }), { code: 'EWEIRD' })
  expect(storeFailure(unknown, 'data')).toBe(`cannot open the store in ${resolve('data')}: strange things`)
  const spoken = new Error('could not open', { cause: new Error('IO error: LOCK: Read-only file system') })
  expect(storeFailure(spoken, 'data')).toContain(': the disk is read-only; --data-dir ')
  const nested = new Error('could not open', { cause: Object.assign(new Error('mkdir'), { code: 'EACCES' }) })
  expect(storeFailure(nested, 'data')).toContain(': this user may not write there; --data-dir ')
})

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGINT'])('%s shuts the server down within the grace period', async (signal) => {
    const context = new TestContext()
    const { exitCode } = await started(context, { shutdownGraceSec: '3' })
    context.signals.emit(signal, signal)
    expect(await exitCode).toBe(0)
    expect(context.server.graceMs).toBe(3000)
    expect(context.messages().at(-1)).toBe('stopped')
    expect(context.flushes).toBeGreaterThan(0)
    expect(context.signals.eventNames()).toEqual([])
  })

  test('forces the end when it is the second one', async () => {
    const context = new TestContext()
    let finish = (): void => {}
    context.server.shutdownDone = new Promise((resolve) => {
      finish = resolve
    })
    const { exitCode } = await started(context)
    const stopping = context.logged('stopping')
    const now = vi.spyOn(performance, 'now')
    onTestFinished(() => void now.mockRestore())
    now.mockReturnValue(60_000)
    context.signals.emit('SIGINT', 'SIGINT')
    await stopping
    // npm passes on the Ctrl-C that the terminal has sent to everybody already.
    now.mockReturnValue(60_100)
    context.signals.emit('SIGINT', 'SIGINT')
    expect(context.forcedExits).toEqual([])
    now.mockReturnValue(61_000)
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(context.forcedExits).toEqual([1])
    finish()
    await exitCode
  })

  test('ends with 1 when the server does not stop in time', async () => {
    const context = new TestContext()
    context.server.shutdownDone = new Promise(() => {})
    const { exitCode } = await started(context, { shutdownGraceSec: '0' })
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(await exitCode).toBe(1)
    expect(context.messages().at(-1)).toBe('the broker did not stop in time')
  })
})

test('what the system has run out of is logged, not more than once in a while, and ends nothing', async () => {
  const context = new TestContext()
  const { exitCode } = await started(context)
  for (let i = 0; i < 3; i++) {
    context.signals.emit('uncaughtException', Object.assign(new Error('EMFILE'), { code: 'EMFILE' }))
  }
  expect(context.forcedExits).toEqual([])
  expect(context.messages().filter((message) => message.startsWith('the system refused'))).toHaveLength(1)
  context.signals.emit('SIGTERM', 'SIGTERM')
  expect(await exitCode).toBe(0)
})

test('a defect that was not caught is logged with its stack and ends the process', async () => {
  const context = new TestContext()
  const { exitCode } = await started(context)
  context.signals.emit('uncaughtException', new Error('broken inside'))
  expect(context.forcedExits).toEqual([1])
  expect(JSON.parse(context.log.at(-1) ?? '')).toMatchObject({
    level: 'error',
    msg: 'a defect ends the broker',
    err: { message: 'broken inside', stack: expect.stringContaining('serve.test') },
  })
  context.signals.emit('SIGTERM', 'SIGTERM')
  await exitCode
})
