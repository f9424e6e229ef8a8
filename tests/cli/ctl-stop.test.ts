// `leveret ctl stop` knows by the process, and not by its socket, whether a broker has stopped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { processSpace } from '../../src/lib/process-space.ts'
import { ctl } from './ctl-broker.ts'

/** The last that it does is to make a file. */
const SLOW_TO_END = `process.stdin.resume()
process.once('SIGTERM', () => setTimeout(() => {
  require('node:fs').writeFileSync('ended', '')
  process.exit()
}, 200))
process.stdout.write('ready')`

/** A control socket that answers `stop` with this. */
async function controlSocket(answer: object, onStop: (server: Server) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-stop-'))
  const path = join(folder, 'ctl.sock')
  const server = createServer((request, response) => {
    const isStop = request.url === '/api/control/stop'
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify(isStop ? answer : {}))
    if (isStop) onStop(server)
  })
  server.listen(path)
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return path
}

test('stop is done when the process has ended, even if a supervisor has started the next one already', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-stop-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const child = spawn(process.execPath, ['-e', SLOW_TO_END], { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const path = await controlSocket({ pid: child.pid, space: processSpace() }, () => void child.kill())
  const result = await ctl(['stop', '--ctl-socket', path, '--timeout', '5'])
  expect(result).toMatchObject({ code: 0, errors: '' })
  expect(readdirSync(folder)).toEqual(['ended'])
})

test('stop does not take a process of this machine for that of a container with its name', async () => {
  const answer = { pid: process.ppid, space: 'pid:[1]' }
  const path = await controlSocket(answer, (server) => void server.close())
  expect(await ctl(['stop', '--ctl-socket', path, '--timeout', '5'])).toMatchObject({ code: 0, errors: '' })
})
