import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { socketPath } from '../../src/lib/socket-path.ts'
import { startTestBroker } from '../../src/testing.ts'
import { ctl, FakeProcess } from '../cli/ctl-broker.ts'

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-control-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function serverAt(path: string) {
  const { server } = await startTestBroker()
  onTestFinished(() => server.shutdown())
  await server.http.listenControl({ path, process: new FakeProcess() })
  return server
}

const pings = async (path: string): Promise<number> => (await ctl(['ping', '--ctl-socket', path])).code

test('a control socket is for its owner alone, and goes with the server', async () => {
  const path = join(temporaryFolder(), 'ctl.sock')
  const server = await serverAt(path)
  const found = lstatSync(path)
  expect([found.isSocket(), (found.mode & 0o777).toString(8)]).toEqual([true, '600'])
  expect(await pings(path)).toBe(0)
  await server.shutdown()
  expect(existsSync(path)).toBe(false)
  expect(await pings(path)).toBe(69)
})

test.runIf(process.getuid?.() === 0)('no other user of the system gets in', async () => {
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  const path = join(folder, 'ctl.sock')
  await serverAt(path)
  const probe = `require('node:net').connect(${JSON.stringify(path)}).on('error', e => console.log(e.code)).on('connect', () => process.exit(7))`
  const run = (uid: number) => spawnSync(process.execPath, ['-e', probe], { uid, cwd: '/', encoding: 'utf8' })
  expect(run(65_534).stdout.trim()).toBe('EACCES')
  expect(run(0).status).toBe(7)
})

test('a socket that a killed process has left behind is replaced', async () => {
  const path = join(temporaryFolder(), 'ctl.sock')
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  expect(existsSync(path)).toBe(true)
  await serverAt(path)
  expect(await pings(path)).toBe(0)
})

test('what another program has there stays', async () => {
  const folder = temporaryFolder()
  const [taken, file] = [join(folder, 'taken.sock'), join(folder, 'file')]
  const other = createServer().listen(taken)
  onTestFinished(() => void other.close())
  writeFileSync(file, 'mine')
  for (const path of [taken, file])
    await expect(serverAt(path)).rejects.toMatchObject({ code: 'EADDRINUSE', address: path })
  await expect(serverAt(join(folder, 'no', 'ctl.sock'))).rejects.toMatchObject({
    address: join(folder, 'no', 'ctl.sock'),
  })
})

test.runIf(process.platform === 'linux')('a path that is too long for the system goes by its folder', async () => {
  const folder = join(temporaryFolder(), 'deep'.repeat(20), 'deeper'.repeat(20))
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'ctl.sock')
  const server = await serverAt(path)
  expect((lstatSync(path).mode & 0o777).toString(8)).toBe('600')
  expect(await pings(path)).toBe(0)
  await server.shutdown()
  expect(existsSync(path)).toBe(false)
})

test('where there is no way around a long path, it is said', () => {
  const path = `/${'x'.repeat(103)}`
  expect(() => socketPath(path, 'darwin')).toThrow('the path of a socket has 103 bytes at most')
  expect(() => socketPath(path, 'linux')).toThrow('the path of a socket has 103 bytes at most')
  expect(socketPath('/short', 'darwin').path).toBe('/short')
})

test('a server has one control socket', async () => {
  const folder = temporaryFolder()
  const server = await serverAt(join(folder, 'ctl.sock'))
  const again = server.http.listenControl({ path: join(folder, 'other.sock'), process: new FakeProcess() })
  await expect(again).rejects.toThrow('the control socket is open already')
  await expect(server.http.listenControl({ path: '', process: new FakeProcess() })).rejects.toThrow(RangeError)
})
