// Several addresses, IPv6 and Unix sockets: names, permissions, what is left behind, what is down.
import { existsSync, lstatSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listenFailure } from '../../src/cli/serve/listen-failure.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { expectEcho, logIn, plain, startServer, stopAfterTest, useDoors } from './doors.ts'

const folder = new CertificateFolder()
useDoors()

const unix = (path: string) => connect({ path })

test('a server listens on several addresses, each with a name', async () => {
  const { server } = await startServer((builder) =>
    builder.withListeners([
      { protocol: 'amqp', host: '127.0.0.1', port: 0 },
      { protocol: 'amqp', host: '::1', port: 0 },
      { protocol: 'amqp', host: '127.0.0.1', port: 0, name: 'inside' },
    ]),
  )
  expect(server.addresses).toMatchObject([
    { name: 'amqp', protocol: 'amqp', host: '127.0.0.1' },
    { name: 'amqp-2', protocol: 'amqp', host: '::1' },
    { name: 'inside', protocol: 'amqp', host: '127.0.0.1' },
  ])
  for (const { host, port } of server.addresses) await expectEcho(await logIn(await plain(port, host)))
  await server.listenAndServe('127.0.0.1:0')
  expect(server.addresses.at(-1)).toMatchObject({ name: 'amqp-3' })
})

test('one address that cannot be had ends the start, and none stays open', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  stopAfterTest(() => taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const started = startServer((builder) =>
    builder.withListeners([
      { protocol: 'amqp', host: '127.0.0.1', port: 0 },
      { protocol: 'amqp', host: '127.0.0.1', port },
    ]),
  )
  await expect(started).rejects.toMatchObject({ code: 'EADDRINUSE', port })
})

test('a Unix socket has the permissions that were chosen, and is gone after the stop', async () => {
  const path = join(folder.path, 'leveret.sock')
  const { server } = await startServer((builder) => builder.withListeners([{ protocol: 'amqp', path, mode: 0o600 }]))
  expect(server.addresses).toEqual([{ name: 'amqp', protocol: 'amqp', host: '', port: 0, path }])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const client = await logIn(unix(path))
  await expectEcho(client, 500_000)
  expect(server.connections()).toMatchObject([{ peerAddress: '127.0.0.1', peerPort: 0 }])
  expect(() => server.url).toThrow('no port for AMQP')
  await server.shutdown()
  expect(existsSync(path)).toBe(false)
})

test('by default its owner and its group may connect', async () => {
  const path = join(folder.path, 'group.sock')
  await startServer((builder) => builder.withListeners([{ protocol: 'amqp', path }]))
  expect(statSync(path).mode & 0o777).toBe(0o660)
})

test('a Unix socket that a killed process has left behind is replaced; one that is in use, and a file, are not', async () => {
  const path = join(folder.path, 'stale.sock')
  const listeners = [{ protocol: 'amqp', path }] as const
  await leaveSocketBehind(path)
  expect(lstatSync(path).isSocket()).toBe(true)
  const { server } = await startServer((builder) => builder.withListeners(listeners))
  await expectEcho(await logIn(unix(path)))
  const second = startServer((builder) => builder.withListeners(listeners))
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', address: path })
  await expectEcho(await logIn(unix(path)))
  await server.shutdown()
  writeFileSync(path, 'precious')
  const third = startServer((builder) => builder.withListeners(listeners))
  await expect(third).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(lstatSync(path).isFile()).toBe(true)
})

test('a Unix socket needs a folder, and the error says that it has none', async () => {
  const inNoFolder = join(folder.path, 'none', 'leveret.sock')
  const inFile = join(folder.put('a-file', 'text'), 'leveret.sock')
  for (const [path, code, sentence] of [
    [inNoFolder, 'ENOENT', 'its folder does not exist; make it, or choose another path'],
    [inFile, 'ENOTDIR', 'what should be its folder is a file; choose another path'],
  ] as const) {
    const started = startServer((builder) => builder.withListeners([{ protocol: 'amqp', path }]))
    const error: unknown = await started.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code, address: path })
    expect(listenFailure(error)).toBe(`cannot listen on ${path}: ${sentence}`)
  }
})

test('the error of a Unix socket that is in use is about its path, not about ports', async () => {
  const path = join(folder.path, 'used.sock')
  const listeners = [{ protocol: 'amqp', path }] as const
  await startServer((builder) => builder.withListeners(listeners))
  const second = startServer((builder) => builder.withListeners(listeners))
  const text = listenFailure(await second.catch((reason: unknown) => reason))
  expect(text).toContain(`cannot listen on ${path}: another program listens there`)
  expect(text).not.toContain('port')
})

test('a Unix socket whose file is gone is a listener that is down', async () => {
  const path = join(folder.path, 'lost.sock')
  const { server } = await startServer((builder) => builder.withListeners([{ protocol: 'amqp', path, name: 'local' }]))
  expect(server.health().warnings).toEqual([])
  rmSync(path)
  expect(server.health()).toMatchObject({
    status: 'degraded',
    warnings: ['the listener local is down: no client reaches it'],
  })
})

test.each([
  [[{ protocol: 'amqp' }], 'needs either a port or a path'],
  [[{ protocol: 'amqp', port: 1, path: '/a' }], 'needs either a port or a path'],
  [[{ protocol: 'amqp', path: '/a', host: '::1' }], 'no host'],
  [[{ protocol: 'amqp', port: 1, mode: 0o600 }], 'no mode'],
  [[{ protocol: 'amqp', path: 'a'.repeat(104) }], '103 bytes'],
  [[{ protocol: 'mqtt', port: 1 }], 'must be one of'],
  [[{ protocol: 'amqps', port: 1 }], 'see withTls'],
  [
    [
      { protocol: 'amqp', port: 1, name: 'a' },
      { protocol: 'amqp', port: 2, name: 'a' },
    ],
    "called 'a'",
  ],
  [[{ protocol: 'amqp', prot: 1 }], 'did you mean'],
])('%j is refused: %s', async (listeners, reason) => {
  await expect(startServer((builder) => builder.withListeners(listeners as never))).rejects.toThrow(reason)
})

/** Node.js removes its sockets when it closes them: so another process makes this one, and is killed. */
async function leaveSocketBehind(path: string): Promise<void> {
  const { spawn } = await import('node:child_process')
  const code = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  const child = spawn(process.execPath, ['-e', code, path])
  await new Promise((resolve) => child.once('exit', resolve))
}
