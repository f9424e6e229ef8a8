// The built program as a process of its own. `npm test` builds before it tests.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { hasEnded } from '../../src/cli/ctl/process-end.ts'
import { leveretVersion } from '../../src/lib/version.ts'

const MAIN = join(import.meta.dirname, '../../dist/src/cli/main.js')

interface LogLine {
  readonly msg: string
  readonly port?: number
  readonly startMs?: number
}

/** A new empty folder that goes with the test. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-process-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** In a working folder of its own, where it may leave its data. */
function leveret(...args: string[]): ChildProcess {
  return leveretIn(temporaryFolder(), ...args)
}

function leveretIn(cwd: string, ...args: string[]): ChildProcess {
  const child = spawnIn(cwd, ...args)
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

function spawnIn(cwd: string, ...args: string[]): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:LEVERET|RABBITMQ)_/.test(name)))
  return spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, 'exit')
  return code
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** How it ends, and what it complains of. */
async function answerOf(child: ChildProcess): Promise<[code: number | null, complaint: string]> {
  if (child.stderr === null) throw new Error('no standard error')
  return await Promise.all([exitOf(child), text(child.stderr)])
}

async function untilStarted(child: ChildProcess) {
  return await untilLogged(child, 'Server startup complete')
}

/** Reads the log up to this message. */
async function untilLogged(child: ChildProcess, message: string) {
  if (child.stdout === null) throw new Error('no standard output')
  let port = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const entry: LogLine = JSON.parse(line)
    port = entry.port ?? port
    if (entry.msg === message) return { child, port, startMs: entry.startMs }
  }
  throw new Error(`the log ended before '${message}'`)
}

describe('a broker without any option but its port', () => {
  let home: string
  let beginMs: number
  let broker: Awaited<ReturnType<typeof untilStarted>>

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'leveret-process-'))
    beginMs = performance.now()
    broker = await untilStarted(spawnIn(home, '--log-format', 'json', '--port', '0'))
  })

  afterAll(async () => {
    await killed(broker.child)
    rmSync(home, { recursive: true, force: true })
  })

  test('says where it listens, and speaks AMQP there', async () => {
    const { port, startMs } = broker
    // As long as it took, however busy the machine is with other tests.
    expect(startMs).toBeGreaterThan(0)
    expect(startMs).toBeLessThan(performance.now() - beginMs)

    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
    const [bytes] = await once(socket, 'data')
    // A method frame on channel 0: connection.start is class 10, method 10.
    expect(bytes.readUInt8(0)).toBe(1)
    expect(bytes.readUInt32BE(7)).toBe(0x000a_000a)
  })

  test.runIf(process.platform === 'linux')('has the threads of V8 leave the processor to the event loop', () => {
    const { child } = broker
    const folder = `/proc/${child.pid}/task`
    const threads = readdirSync(folder).map((id) => {
      const priority = getPriority(Number(id)) - getPriority()
      return { isMain: Number(id) === child.pid, name: readFileSync(`${folder}/${id}/comm`, 'utf8').trim(), priority }
    })
    expect(threads.find(({ isMain }) => isMain)?.priority).toBe(0)
    const lowered = threads.filter(({ priority }) => priority > 0)
    expect(lowered.length).toBeGreaterThan(0)
    // Where threads have names, it is just V8's.
    const named = threads.filter(({ name }) => name.endsWith('V8Worker'))
    if (named.length > 0) expect(lowered).toEqual(named)
    else expect(lowered.map(({ isMain }) => isMain)).not.toContain(true)
    for (const { name, priority } of threads) if (name === 'libuv-worker') expect(priority).toBe(0)
  })

  test('has its data in ./leveret-data', () => {
    expect(readdirSync(home)).toEqual(['leveret-data'])
    expect(readdirSync(join(home, 'leveret-data'))).toEqual(expect.arrayContaining(['catalogue', 'log']))
  })

  test('has its port to itself: a second one says so and ends with 1', async () => {
    const { port } = broker
    const [code, complaint] = await answerOf(leveret('--port', String(port)))
    expect(code).toBe(1)
    expect(complaint).toBe(
      `leveret: cannot listen on 127.0.0.1:${port}: another program listens there; stop it, or choose another port\n`,
    )
  })

  test('has its data folder to itself until it ends, and the second one says who has it', async () => {
    const folder = join(home, 'leveret-data')
    const others = [leveret('--port', '0', '--data-dir', folder), leveret('check', '--data-dir', folder)]
    const inUse = `is in use by process ${broker.child.pid} since `
    expect(await Promise.all(others.map(answerOf))).toEqual([
      [1, expect.stringContaining(inUse)],
      [3, expect.stringContaining(inUse)],
    ])
    await killed(broker.child)
    broker = await untilStarted(spawnIn(home, '--log-format', 'json', '--port', '0'))
  })

  test('ends with 0 on SIGINT', async () => {
    broker.child.kill('SIGINT')
    expect(await exitOf(broker.child)).toBe(0)
  })
})

test('a folder that cannot be made ends the start with 1 and says what to do', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'leveret-data'), '')
  const child = leveretIn(folder, '--port', '0')
  const [code, complaint] = await answerOf(child)
  expect(code).toBe(1)
  expect(complaint).toMatch(/^leveret: cannot open the store in .*leveret-data: that is not a folder; --data-dir /)
  expect(complaint).toContain('--storage memory')
})

test('wrong use ends with 2, --version with 0', async () => {
  expect(await exitOf(leveret('--port', 'x'))).toBe(2)
  const asked = leveret('--version')
  if (asked.stdout === null) throw new Error('no standard output')
  const [code, answer] = await Promise.all([exitOf(asked), text(asked.stdout)])
  expect([code, answer]).toEqual([0, `${leveretVersion()}\n`])
})

/** `leveret ctl` as a process of its own. */
async function ctl(cwd: string, env: Readonly<Record<string, string>>, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'ctl', ...args], { cwd, env: { ...process.env, ...env }, stdio: 'pipe' })
  child.stdin.end()
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)])
  return { output, errors, code }
}

// Each command is a start of Node.js.
test('leveret ctl finds the broker by its data folder, reads its log, has it reload and stops it', {
  timeout: 60_000,
}, async () => {
  const cwd = temporaryFolder()
  const conf = join(cwd, 'leveret.conf')
  writeFileSync(conf, 'heartbeat = 10\n')
  const { child } = await untilStarted(leveretIn(cwd, '--log-format', 'json', '--port', '0', '--config', conf))
  const run = (...args: string[]) => ctl(cwd, {}, ...args)
  expect(await run('await_startup')).toMatchObject({ code: 0, output: 'The broker has started\n' })
  expect((await run('log_tail', '-N', '1')).output).toContain('Server startup complete')
  writeFileSync(conf, 'heartbeat = 20\n')
  child.kill('SIGHUP')
  await untilLogged(child, 'an option has another value now')
  const { output } = await run('environment')
  expect(output).toContain('heartbeat = 20')
  const [, port] = /port: (\d+), protocol: http$/m.exec((await run('listeners')).output) ?? []
  expect(await run('environment', '--url', `http://guest:guest@127.0.0.1:${port}`)).toMatchObject({ output })
  const exit = exitOf(child)
  expect(await run('stop')).toMatchObject({ code: 0, errors: '', output: 'The broker has stopped\n' })
  // It has released its store by then.
  expect(hasEnded(child.pid as number)).toBe(true)
  expect(await exit).toBe(0)
  expect(await run('ping')).toMatchObject({ code: 69 })
})

test('a broker in memory has its data nowhere, and its control socket in a folder of the user, told apart by its port', async () => {
  const [cwd, sockets] = [temporaryFolder(), temporaryFolder()]
  const env = { XDG_RUNTIME_DIR: sockets }
  const child = spawn(process.execPath, [MAIN, '--log-format', 'json', '--port', '0', '--storage', 'memory'], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const { port } = await untilStarted(child)
  expect(readdirSync(cwd)).toEqual([])
  expect(readdirSync(join(sockets, 'leveret'))).toEqual([`leveret-${port}.sock`])
  expect(await ctl(cwd, { ...env, LEVERET_PORT: String(port) }, 'ping')).toMatchObject({ code: 0 })
  const exit = exitOf(child)
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  expect(readdirSync(join(sockets, 'leveret'))).toEqual([])
})

test.runIf(process.platform !== 'win32')('a folder for sockets that others may write to is not used', async () => {
  const cwd = temporaryFolder()
  mkdirSync(join(cwd, 'leveret'))
  chmodSync(join(cwd, 'leveret'), 0o777)
  const { code, errors } = await ctl(cwd, { XDG_RUNTIME_DIR: cwd }, 'ping')
  expect(code).toBe(69)
  expect(errors).toContain("is not this user's alone")
})
