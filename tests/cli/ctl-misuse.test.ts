import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { CtlBroker, ctl } from './ctl-broker.ts'
import { TestContext } from './serve-context.ts'

const certificates = new CertificateFolder()
let broker: CtlBroker
let url: string

beforeAll(async () => {
  broker = await CtlBroker.start()
  url = (await broker.started.server.http.listenManagement({ port: 0 })).url
})
afterAll(() => broker.stop())

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-misuse-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('the command line', () => {
  test.each([
    [[], 'a command is missing'],
    [['list_queus'], 'there is no command list_queus; did you mean list_queues?'],
    [['reset'], 'there is no command reset: Leveret is one node'],
    [['add_user'], 'arguments are missing: leveret ctl add_user <username> [password]'],
    [['-p', '/', 'list_queus'], 'there is no command list_queus; did you mean list_queues?'],
    [['-q', '--formatter=json', 'list_queus'], 'there is no command list_queus; did you mean'],
    [['rotate_logs'], "there is no command rotate_logs: 'leveret ctl reload' opens the log file again"],
    [['list_users', '--ctl-sock', 'x'], 'did you mean --ctl-socket?'],
    [['delete_user', 'a', 'b'], 'Unknown argument: b'],
    [['list_users', '--quite'], 'did you mean --quiet?'],
    [['list_queues', 'name', 'colour'], 'no such column: colour; there are name, vhost'],
    [['list_users', '--formatter', 'xml'], 'Invalid values'],
    [['list_users', '--timeout', 'soon'], '--timeout is a number of seconds, not soon'],
    [['list_users', '--erlang-cookie', 'x'], 'Unknown argument: erlang-cookie'],
    [['list_users', '--url', 'guest:secret@nowhere'], '--url is an address such as'],
    [['list_users', '--url', 'http://localhost:1'], 'the user is given in --url'],
    [['list_users', '--url', 'http://guest:secret%@localhost:1'], 'in --url are not encoded: % is written as %25'],
    [['stop', '--url', 'http://guest:secret@localhost:1'], 'stop needs the control socket'],
    [['list_users', '--password-file', '/none', '--url', 'http://guest@localhost:1'], '/none cannot be read'],
  ])('%j fails with 64', async (args, text) => {
    const { code, errors } = await broker.run(args)
    expect(errors).toContain(text)
    expect(errors).not.toContain('secret')
    expect(code).toBe(64)
  })

  test.each([
    ['set_policy', 'p', 'x', 'no JSON'],
    ['set_policy', 'p', 'x', '[]'],
    ['set_policy', 'p', 'x', '{"max-length": 1}', '--priority', 'high'],
    ['set_policy', 'p', 'x', '{"max-length": 1}', '--apply-to', 'everything'],
    ['set_vhost_limits', '{"max-queues": "many"}'],
    ['set_user_limits', 'guest', '{"max-hats": 1}'],
    ['set_permissions', 'guest', '(', '', ''],
    ['set_permissions', '-p', 'no', 'guest', '', '', ''],
    ['list_permissions', '-p', 'no'],
    ['list_queues', '-p', 'no'],
    ['peek', 'q', '--count', '0'],
    ['log_tail_stream', '--duration', '2200000'],
    ['add_user', 'x', ''],
    ['check_certificate_expiration', '--within', 'x'],
    ['close_all_connections', 'late', '--limit', '-1'],
    ['log_tail', '-N', 'all'],
  ])('values that make no sense fail with 65: %s %s', async (...args) => {
    const { code, errors } = await broker.run(args)
    expect(errors).toMatch(/^Error: ./)
    expect(code).toBe(65)
  })

  test('of each command has its own help', async () => {
    const { code, lines } = await broker.run(['set_policy', '--help'])
    expect(code).toBe(0)
    const text = lines.join('\n')
    for (const part of ['set_policy <name> <pattern> <definition>', '--apply-to', '--vhost', '--formatter', '--url'])
      expect(text).toContain(part)
  })

  test('completes commands and flags', async () => {
    const completed = async (...words: string[]) => (await ctlCompletion(words)).map((word) => word.split(':')[0])
    expect(await completed('leveret', 'ctl', 'list_q')).toContain('list_queues')
    expect(await completed('leveret', '')).toEqual(expect.arrayContaining(['serve', 'ctl', 'backup', 'perf']))
    expect(await completed('leveret', 'ctl', 'list_queues', '--form')).toContain('--formatter')
  })
})

async function ctlCompletion(words: readonly string[]): Promise<readonly string[]> {
  const { runCommandLine } = await import('../../src/cli/command-line.ts')
  const context = new TestContext()
  await runCommandLine(['--get-yargs-completions', ...words], context)
  return context.printed.flatMap((text) => text.split('\n'))
}

describe('the name of the node', () => {
  test('must be that of the broker', async () => {
    expect(await broker.run(['ping', '-n', `leveret@${hostname()}`])).toMatchObject({ code: 0 })
    expect(await broker.run(['ping', '-n', 'rabbit@elsewhere'])).toMatchObject({
      code: 69,
      errors: `Error: the broker at ${broker.socket} is not node rabbit@elsewhere`,
    })
  })
})

describe('over HTTP', () => {
  const withLogin = (login: string): string => url.replace('://', `://${login}@`)

  test('the same commands go, with a password in the address, in a file or in the environment', async () => {
    const file = join(temporaryFolder(), 'password')
    writeFileSync(file, 'guest\n')
    const context = new TestContext()
    context.environment.LEVERET_CTL_URL = withLogin('guest')
    context.environment.LEVERET_CTL_PASSWORD = 'guest'
    const all = [
      ctl(['list_users', '--url', withLogin('guest:guest')]),
      ctl(['list_users', '--url', withLogin('guest'), '--password-file', file]),
      ctl(['list_users'], context),
    ]
    for (const { code, lines } of await Promise.all(all)) {
      expect(code).toBe(0)
      expect(lines).toContain('guest\t[administrator]')
    }
  })

  test('a wrong password fails with 77 and is not shown', async () => {
    const { code, errors } = await ctl(['list_users', '--url', withLogin('guest:hush-hush')])
    expect(code).toBe(77)
    expect(errors).toBe('Error: the name or password is wrong, or the user lacks a tag for this command')
  })

  test('an address with TLS is used when its certificate can be trusted', async () => {
    const { url: secure } = await broker.started.server.http.listenManagement({
      port: 0,
      tls: certificates.server('api'),
    })
    const address = secure.replace('://', '://guest:guest@')
    expect(await ctl(['ping', '--url', address, '--ca-file', certificates.caFile])).toMatchObject({
      code: 0,
      errors: '',
    })
    const soon = await broker.run(['check_certificate_expiration', '--within', '100', '--unit', 'years'])
    expect(soon.errors).toMatch(/^Error: Certificates expiring: .*api.cert.pem is valid until \d{4}-/)
    const { code, errors } = await ctl(['ping', '--url', address])
    expect(code).toBe(69)
    expect(errors).toContain('--ca-file names a file')
  })

  test('users without a tag may log in, and may not administer', async () => {
    await broker.lines('add_user', 'ann', 'x')
    expect(await ctl(['authenticate_user', 'ann', 'x', '--url', withLogin('guest:guest')])).toMatchObject({ code: 0 })
    expect(await ctl(['list_users', '--url', withLogin('ann:x')])).toMatchObject({ code: 77 })
    await broker.lines('delete_user', 'ann')
  })

  test('a broker that is not there fails with 69', async () => {
    const { code, errors } = await ctl(['ping', '--url', 'http://guest:hush-hush@127.0.0.1:1'])
    expect(code).toBe(69)
    expect(errors).toBe('Error: no broker answers at http://127.0.0.1:1: nothing listens there; is the broker running?')
  })

  test('another program that listens there is told', async () => {
    const other = createServer((socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')).listen(0)
    onTestFinished(() => void other.close())
    const { port } = other.address() as { port: number }
    expect(await ctl(['list_users', '--url', `http://a:b@127.0.0.1:${port}`])).toMatchObject({
      code: 70,
      errors: 'Error: what answers there is no management API: its answer is no JSON',
    })
  })
})

test('a broker that does not answer in time fails with 75', async () => {
  const path = join(temporaryFolder(), 'mute.sock')
  const sockets = new Set<{ destroy(): void }>()
  const mute = createServer((socket) => void sockets.add(socket)).listen(path)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  expect(await ctl(['ping', '--ctl-socket', path, '-t', '1'])).toMatchObject({
    code: 75,
    errors: `Error: the broker at ${path} has not answered within 1 seconds`,
  })
})

test('a start that does not come fails with 75', async () => {
  const folder = temporaryFolder()
  expect(await ctl(['await_startup', '--data-dir', folder, '-t', '1'])).toMatchObject({ code: 75 })
})

test.each([[['-t', '30']], [['-t', '0']], [['-t', '30', '-n', `leveret@${hostname()}`]]])(
  'a start that comes later is waited for: %j',
  async (options) => {
    const own = await CtlBroker.start()
    await own.stop()
    const waiting = own.run(['await_startup', ...options])
    const { mkdirSync } = await import('node:fs')
    mkdirSync(own.folder)
    const { startTestBroker } = await import('../../src/testing.ts')
    const started = await startTestBroker()
    await started.server.http.listenControl({ path: own.socket, process: own.process })
    expect(await waiting).toMatchObject({ code: 0 })
    await started.stop()
    rmSync(own.folder, { recursive: true, force: true })
  },
)

test('what there is not is told by name', async () => {
  expect((await broker.run(['list_queues', '-p', 'no'])).errors).toBe("Error: virtual host 'no' does not exist")
  expect((await broker.run(['clear_policy', 'no'])).errors).toBe(
    "Error: there is nothing of that name in virtual host '/'",
  )
})
