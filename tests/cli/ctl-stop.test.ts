// `leveret ctl stop` knows by the process, and not by its socket, whether a broker has stopped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hasEnded } from '../../src/cli/ctl/process-end.ts'
import { processSpace } from '../../src/lib/process-space.ts'
import { ctl } from './ctl-broker.ts'

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
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  const path = await controlSocket({ pid: child.pid, space: processSpace() }, () => void child.kill())
  const result = await ctl(['stop', '--ctl-socket', path, '--timeout', '5'])
  expect(result).toMatchObject({ code: 0, errors: '' })
  expect(hasEnded(child.pid as number)).toBe(true)
})

test('stop does not take a process of this machine for that of a container with its name', async () => {
  const answer = { pid: process.ppid, space: 'pid:[1]' }
  const path = await controlSocket(answer, (server) => void server.close())
  expect(await ctl(['stop', '--ctl-socket', path, '--timeout', '5'])).toMatchObject({ code: 0, errors: '' })
})
