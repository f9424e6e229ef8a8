import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Config, OPTION_NAMES, type OptionName } from '../../../config/options.ts'
import { resolveConfig } from '../../../config/resolve.ts'
import { applyChanges } from '../../../src/cli/assembly/apply-changes.ts'
import { serve } from '../../../src/cli/serve/serve.ts'
import { ServerBuilder } from '../../../src/server/server-builder.ts'
import { startTestBroker } from '../../../src/testing.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { TestContext } from '../serve-context.ts'

function confFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-reload-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'leveret.conf')
  writeFileSync(path, text)
  return path
}

/** A broker that was started with a config file. */
async function started(text: string, flags: Partial<Record<OptionName, string>> = {}) {
  const context = new TestContext()
  const path = confFile(text)
  const given = { config: path, logFormat: 'json', ...flags }
  const ready = context.logged('Server startup complete')
  const exitCode = serve(new Map(Object.entries(given) as [OptionName, string][]), context)
  await ready
  onTestFinished(async () => {
    context.signals.emit('SIGTERM', 'SIGTERM')
    await exitCode
  })
  context.log.length = 0
  const hangUp = (): void => void context.signals.emit('SIGHUP', 'SIGHUP')
  return { context, path, hangUp }
}

describe('a SIGHUP', () => {
  test('that comes while the broker starts waits until it has started', async () => {
    const context = new TestContext()
    let isOpen = (): void => {}
    context.server.startDone = new Promise((resolve) => {
      isOpen = resolve
    })
    const started_ = context.logged('Server startup complete')
    const exitCode = serve(new Map<OptionName, string>([['logFormat', 'json']]), context)
    await context.logged('Leveret starts')
    // Without a listener, the signal ends a process.
    expect(context.signals.emit('SIGHUP', 'SIGHUP')).toBe(true)
    expect(context.server.reloads).toEqual([])
    isOpen()
    await started_
    await expect.poll(() => context.server.reloads.length).toBe(1)
    context.signals.emit('SIGTERM', 'SIGTERM')
    await exitCode
  })

  test('that comes while the broker stops changes nothing, and does not end it', async () => {
    const { context, hangUp } = await started('')
    let isDown = (): void => {}
    context.server.shutdownDone = new Promise((resolve) => {
      isDown = resolve
    })
    const stopping = context.logged('stopping')
    context.signals.emit('SIGTERM', 'SIGTERM')
    await stopping
    expect(context.signals.listenerCount('SIGHUP')).toBe(1)
    hangUp()
    expect(context.server.reloads).toEqual([])
    isDown()
  })
})

describe('on SIGHUP', () => {
  test('what can change changes, and what waits for a restart is named', async () => {
    const { context, path, hangUp } = await started('heartbeat = 10\nport = 5672\n')
    context.server.changeable = ['heartbeatSec']
    writeFileSync(path, 'heartbeat = 20\nport = 5673\nlog_level = debug\ndefault_pass = hush\n')
    hangUp()
    expect(context.server.reloads).toEqual([['port', 'heartbeatSec', 'defaultPass', 'logLevel']])
    const lines = context.entries().map(({ option, before, value, msg }) => ({ option, before, value, msg }))
    expect(lines).toEqual([
      { option: 'heartbeat', before: 10, value: 20, msg: 'an option has another value now' },
      { option: 'log-level', before: 'info', value: 'debug', msg: 'an option has another value now' },
      { option: 'port', before: 5672, value: 5673, msg: 'an option will have another value after a restart' },
      {
        option: 'default-pass',
        before: '(hidden)',
        value: '(hidden)',
        msg: 'an option will have another value after a restart',
      },
    ])
    const shown = context.server.process?.effectiveConfig().split('\n')
    expect(shown).toEqual(expect.arrayContaining(['heartbeat = 20', 'port = 5672']))
  })

  test('no login of a URL is in the log', async () => {
    const { context, path, hangUp } = await started('')
    const providers = 'auth_oauth2_providers = a.jwks_uri=https://ann:hush@keys.example'
    writeFileSync(path, `auth_http.user_path = http://ann:it's hush@auth.example/user\n${providers}\n`)
    hangUp()
    expect(context.entries().map(({ value }) => value)).toEqual([
      'http://(hidden)@auth.example/user',
      { 'a.jwks_uri': 'https://(hidden)@keys.example' },
    ])
  })

  test('what waits for a restart is named again the next time, what has changed is not', async () => {
    const { context, path, hangUp } = await started('heartbeat = 10\n')
    context.server.changeable = ['heartbeatSec']
    writeFileSync(path, 'heartbeat = 20\nport = 5673\n')
    hangUp()
    hangUp()
    expect(context.server.reloads).toEqual([['port', 'heartbeatSec'], ['port']])
  })

  test('a file that makes no sense changes nothing, and every reason is in the log', async () => {
    const { context, path, hangUp } = await started('heartbeat = 10\n')
    writeFileSync(path, 'heartbeat = often\nport = none at all\nlog_level = silent\n')
    hangUp()
    expect(context.server.reloads).toEqual([])
    expect(context.messages()).toEqual(
      [
        expect.stringMatching(/^the options stay as they are: .*heartbeat/),
        expect.stringMatching(/^the options stay as they are: .*port/),
      ].reverse(),
    )
    rmSync(path)
    hangUp()
    expect(context.messages().at(-1)).toContain('the options stay as they are: the config file cannot be read')
    writeFileSync(path, 'heartbeat = 10\n')
    hangUp()
    expect(context.messages().at(-1)).toBe('the options are as they were')
  })

  test('flags are stronger than the file, as at the start', async () => {
    const { context, path, hangUp } = await started('heartbeat = 10\n', { heartbeatSec: '30' })
    writeFileSync(path, 'heartbeat = 20\n')
    hangUp()
    expect(context.server.reloads).toEqual([[]])
  })

  test('the level of the log changes at once', async () => {
    const { context, path, hangUp } = await started('log_level = info\n')
    writeFileSync(path, 'log_level = error\n')
    hangUp()
    hangUp()
    expect(context.messages(), 'the level is the new one by then').toEqual([])
    writeFileSync(path, 'log_level = info\n')
    hangUp()
    expect(context.messages()).toEqual(['an option has another value now'])
  })
})

function configOf(settings: Partial<Record<OptionName, string>>): Config {
  const flags = new Map(Object.entries(settings) as [OptionName, string][])
  const resolution = resolveConfig({ flags, environment: {} })
  if (!resolution.isValid) throw new Error(resolution.errors.join())
  return resolution.config
}

describe('a server that runs', () => {
  async function changed(settings: Partial<Record<OptionName, string>>) {
    const started = await startTestBroker()
    onTestFinished(() => started.stop())
    const names = Object.keys(settings) as OptionName[]
    const { server } = started
    expect(applyChanges({ server, storage: undefined, memoryBytes: 1024 ** 3 }, configOf(settings), names)).toEqual(
      names,
    )
    return started
  }

  test('has other limits of what there may be', async () => {
    const { broker, server } = await changed({ queueMax: '1', vhostMax: '1' })
    broker.declareQueue('first')
    expect(() => broker.declareQueue('second')).toThrow('queue limit in cluster (1) is reached')
    expect(() => server.virtualHosts.create('more')).toThrow()
  })

  test('tells new connections of other limits, and leaves open ones as they are', async () => {
    const started = await startTestBroker({ channelMax: 5 })
    onTestFinished(() => started.stop())
    const open = async () => {
      const connection = await connect(started.url)
      onTestFinished(() => connection.close().catch(() => {}))
      return connection
    }
    const before = await open()
    started.server.changeConfig({ channelMax: 1 })
    const after = await open()
    await after.createChannel()
    await expect(after.createChannel()).rejects.toThrow()
    for (let number = 0; number < 5; number++) await before.createChannel()
  })

  test('has another limit of memory, at once', async () => {
    const { server, broker } = await changed({ memoryLimit: '1MiB' })
    expect((await server.node()).memoryLimitBytes).toBe(1024 ** 2)
    expect(server.health().warnings).toContain('low on memory: publishers are blocked')
    server.changeConfig({ memoryLimitBytes: 1024 ** 4 })
    broker.declareQueue('q')
    expect(broker.publish('', 'q', 'x')).toEqual({ routed: true })
  })

  test('keeps fewer messages in memory that are on the disk when its limit of memory is lower', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'leveret-reload-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const storage = new LevelStorage({ folder })
    const server = new ServerBuilder().withConfig({ port: 0 }).withStorage(storage).build()
    onTestFinished(() => server.shutdown())
    await server.start()
    server.broker.declareQueue('q')
    for (let count = 0; count < 160; count++)
      server.broker.publish('', 'q', Buffer.alloc(256 * 1024), { persistent: true })
    await server.broker.whenDurable()
    const before = storage.bytesInUse
    const settings = { server, storage, memoryBytes: 1024 ** 3 }
    applyChanges(settings, configOf({ memoryLimit: '10MiB' }), ['memoryLimit'])
    expect(before).toBeGreaterThan(40 * 1024 ** 2)
    // Those that are due soon stay.
    expect(storage.bytesInUse).toBeLessThan(before / 2)
    expect(server.broker.queueInfo('q')?.messagesReady).toBe(160)
  })

  test('limits the consumers of the server', async () => {
    const { server, url, broker } = await startTestBroker()
    onTestFinished(() => server.shutdown())
    broker.declareQueue('q')
    server.changeConfig({ consumerMax: 1 })
    const connection = await connect(url)
    const refused = new Promise<Error>((resolve) => connection.on('error', resolve))
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    await channel.consume('q', () => {})
    channel.consume('q', () => {}).catch(() => {})
    expect((await refused).message).toMatch(/consumer/)
  })

  test('refuses what makes no sense, and changes nothing then', async () => {
    const { server, broker } = await startTestBroker()
    onTestFinished(() => server.shutdown())
    expect(() => server.changeConfig({ queueMax: 0, heartbeatSec: -1 })).toThrow(RangeError)
    expect(() => server.changeConfig({ port: 5672 } as object)).toThrow(TypeError)
    broker.declareQueue('q')
  })

  test('takes no other option', async () => {
    const { server } = await startTestBroker()
    onTestFinished(() => server.shutdown())
    const config = configOf({})
    const taken = applyChanges({ server, storage: undefined, memoryBytes: 1024 ** 3 }, config, OPTION_NAMES)
    expect(taken).toContain('memoryLimit')
    expect(taken).not.toContain('port')
    for (const name of ['tlsCert', 'dataDir', 'defaultUser', 'frameMaxBytes', 'maxMessageSizeBytes'] as const)
      expect(taken).not.toContain(name)
  })
})
