/** What the README tells a reader to type who has a copy of the repository and nothing else. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT, run } from './consumer.ts'

const BUILT = 'dist/src/cli/main.js'

let clone: string

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'leveret-clone-'))
  const { output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], ROOT)
  for (const name of output.split('\0')) {
    // What was removed and is not committed yet is in the list still.
    if (name === '' || !existsSync(join(ROOT, name))) continue
    await cp(join(ROOT, name), join(clone, name), { preserveTimestamps: true })
  }
})

afterAll(() => rm(clone, { recursive: true }))

const ci = (...options: string[]) =>
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...options], clone)

/** Starts it, waits until it listens, ends npm as a supervisor would, and tells what became of both. */
async function startAndStop(): Promise<{ readonly code: number | null; readonly isPortFree: boolean }> {
  const npm = spawn('npm', ['start', '--', '--port', '0', '--storage', 'memory'], { cwd: clone, stdio: 'pipe' })
  const exited = once(npm, 'exit')
  const port = await portOf(npm.stdout)
  npm.kill('SIGTERM')
  const [code] = await exited
  const socket = connect(port, '127.0.0.1')
  const isPortFree = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
  })
  socket.destroy()
  return { code, isPortFree }
}

/** The port that the broker's log names; fails when it says that it has started, or ends, without one. */
async function portOf(log: Readable): Promise<number> {
  const lines: string[] = []
  for await (const line of createInterface(log)) {
    lines.push(line)
    if (!line.startsWith('{')) continue // npm's own
    const { msg, port } = JSON.parse(line) as { readonly msg: string; readonly port?: number }
    if (msg === 'listening' && port !== undefined) return port
    if (msg === 'Server startup complete') break
  }
  throw new Error(`no port in the log:\n${lines.join('\n')}`)
}

test('npm ci --omit=dev installs without the compiler, and npm start says what is missing', async () => {
  expect((await ci('--omit=dev')).code).toBe(0)
  expect(existsSync(join(clone, 'node_modules/typescript'))).toBe(false)
  const { code, output } = await run('npm', ['start', '--', '--version'], clone)
  expect(code).toBe(1)
  expect(output).toContain('leveret is not built, and the compiler is not installed: run `npm ci` first\n')
})

test('npm ci builds; npm start runs the broker, and SIGTERM to npm ends it', async () => {
  const { code, output } = await ci()
  expect(code, output).toBe(0)
  expect(existsSync(join(clone, BUILT))).toBe(true)
  await rm(join(clone, 'dist'), { recursive: true })
  expect(await startAndStop()).toEqual({ code: 0, isPortFree: true })
})

test('what was built runs without the compiler', async () => {
  expect((await run('npm', ['prune', '--omit=dev', '--loglevel=error'], clone)).code).toBe(0)
  expect(existsSync(join(clone, 'node_modules/typescript'))).toBe(false)
  expect(await startAndStop()).toEqual({ code: 0, isPortFree: true })
})
