import { existsSync, readdirSync, statSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tarHeader } from '../../../src/lib/tar.ts'
import { ServerBuilder } from '../../../src/server/server-builder.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { FakeProcess } from '../ctl-broker.ts'
import { fingerprintsOf, leveret, messagesIn, temporaryFolder } from './store-folder.ts'

const LOG_FILE_BYTES = 128 * 1024

/** A broker that runs, with log files so small that they come and go all the time. */
async function running() {
  const folder = join(temporaryFolder(), 'store')
  const storage = new LevelStorage({ folder, logFileBytes: LOG_FILE_BYTES })
  const server = new ServerBuilder().withStorage(storage).build()
  await server.start()
  onTestFinished(() => server.shutdown())
  await server.http.listenControl({ path: join(folder, 'ctl.sock'), process: new FakeProcess() })
  return { folder, server, broker: server.broker }
}

type Running = Awaited<ReturnType<typeof running>>

/** Publishes and acknowledges until it is stopped; what was confirmed and never acknowledged is in `kept`. */
class Traffic {
  readonly kept: string[] = []
  #isStopped = false
  readonly #broker: Running['broker']
  readonly #done: Promise<void>

  constructor({ broker }: Running) {
    this.#broker = broker
    broker.declareQueue('kept', { durable: true })
    broker.declareQueue('passing', { durable: true })
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    const broker = this.#broker
    for (let number = 0; !this.#isStopped; number++) {
      const batch = Array.from({ length: 20 }, (_, at) => `message ${number}.${at} ${'x'.repeat(number % 200)}`)
      for (const text of batch) {
        broker.publish('', 'kept', text, { deliveryMode: 2 })
        broker.publish('', 'passing', text.padEnd(800), { deliveryMode: 2 })
      }
      await broker.whenDurable()
      this.kept.push(...batch)
      for (const _ of batch) {
        const message = await broker.get('passing')
        if (message !== undefined) broker.ack(message)
      }
      await nextTurn()
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  /** Resolves when so much was confirmed. */
  async confirmed(count: number): Promise<void> {
    while (this.kept.length < count) await nextTurn()
  }
}

async function restored(from: string): Promise<string> {
  const folder = join(temporaryFolder(), 'restored')
  expect((await leveret('restore', '--from', from, '--data-dir', folder)).exitCode).toBe(0)
  return folder
}

describe.each(['copy.tar', 'copies/today'])('a backup of a running broker as %s', (name) => {
  test('has all that was confirmed before, and nothing is wrong with it', async () => {
    const running_ = await running()
    const traffic = new Traffic(running_)
    onTestFinished(() => traffic.stop())
    await traffic.confirmed(500)
    const before = [...traffic.kept]
    const to = join(temporaryFolder(), name)
    const result = await leveret('backup', '--data-dir', running_.folder, '--to', to)
    expect(result.exitCode).toBe(0)
    expect(result.printed).toMatch(/has a copy of the store of the running broker: \d+ files, /)
    await traffic.confirmed(traffic.kept.length + 100)
    await traffic.stop()

    const folder = await restored(to)
    const check = await leveret('check', '--data-dir', folder)
    expect(check.printed).toContain('nothing is wrong')
    expect(check.exitCode).toBe(0)
    const { kept = [], passing = [] } = await messagesIn(folder)
    expect(kept.slice(0, before.length)).toEqual(before)
    // The copy is of one moment: what was not acknowledged by then was published shortly before.
    expect(kept).toEqual(traffic.kept.slice(0, kept.length).concat(kept.slice(traffic.kept.length)))
    expect(passing.length).toBeLessThanOrEqual(40)
  })
})

test('a backup is for its owner alone, and the store is as it was', async () => {
  const { folder, broker } = await running()
  broker.declareQueue('q', { durable: true })
  broker.publish('', 'q', 'one', { deliveryMode: 2 })
  await broker.whenDurable()
  const before = fingerprintsOf(join(folder, 'log'))
  const to = join(temporaryFolder(), 'copy')
  expect((await leveret('ctl', 'backup', to, '--data-dir', folder)).exitCode).toBe(0)
  for (const path of [to, ...readdirSync(to, { recursive: true, encoding: 'utf8' }).map((inner) => join(to, inner))]) {
    const found = statSync(path)
    expect((found.mode & 0o777).toString(8), path).toBe(found.isDirectory() ? '700' : '600')
  }
  expect(fingerprintsOf(join(folder, 'log'))).toEqual(before)
  expect(await messagesIn(await restored(to))).toEqual({ q: ['one'] })
})

test('a backup never takes the place of another one, and asks the broker for nothing then', async () => {
  const { folder } = await running()
  const to = join(temporaryFolder(), 'copy.tar')
  expect((await leveret('backup', '--data-dir', folder, '--to', to)).exitCode).toBe(0)
  const again = await leveret('backup', '--data-dir', folder, '--to', to)
  expect(again).toMatchObject({ exitCode: 3, errors: expect.stringContaining('is there already') })
  const byCtl = await leveret('ctl', 'backup', to, '--data-dir', folder)
  expect(byCtl).toMatchObject({ exitCode: 65, errors: expect.stringContaining('is there already') })
})

test('leveret ctl tells of a backup that cannot be written, and of a broker that has gone', async () => {
  const { folder } = await running()
  const name = `${'x'.repeat(300)}.tar`
  expect(await leveret('ctl', 'backup', join(temporaryFolder(), name), '--data-dir', folder)).toMatchObject({
    exitCode: 65,
    errors: expect.stringMatching(/^Error: the backup cannot be written to .*: ENAMETOOLONG/),
  })

  const dying = createServer((_request, response) => {
    response.write(tarHeader('log/0000000000000001.log', 1000, 0), () => response.destroy())
  })
  const socket = join(temporaryFolder(), 'ctl.sock')
  dying.listen(socket)
  onTestFinished(() => void dying.close())
  const to = join(temporaryFolder(), 'cut.tar')
  expect(await leveret('ctl', 'backup', to, '--ctl-socket', socket)).toMatchObject({
    exitCode: 69,
    errors: 'Error: the backup has ended too early: the broker has gone',
  })
  expect([existsSync(to), existsSync(`${to}.part`)]).toEqual([false, false])
})

/** The answer to a request for a backup, of which nothing was read yet. */
function request(folder: string) {
  return new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const options = { socketPath: join(folder, 'ctl.sock'), path: '/api/control/backup', method: 'POST' }
    get(options, resolve).once('error', reject)
  })
}

test('while a copy is made, another one is refused, and what the copy needs stays; then it goes', async () => {
  const running_ = await running()
  const { folder, broker } = running_
  broker.declareQueue('old', { durable: true })
  for (let number = 0; number < 2000; number++) broker.publish('', 'old', 'x'.repeat(1000), { deliveryMode: 2 })
  await broker.whenDurable()
  const first = await request(folder)
  const files = readdirSync(join(folder, 'log')).filter((name) => name.endsWith('.log'))
  const other = await leveret('backup', '--data-dir', folder, '--to', join(temporaryFolder(), 'second.tar'))
  expect(other).toMatchObject({ exitCode: 3, errors: expect.stringContaining('a copy of the store is being made') })

  // All of it is settled, and the log goes on: without the copy, these files would go.
  broker.purgeQueue('old')
  const traffic = new Traffic(running_)
  await traffic.confirmed(500)
  await traffic.stop()
  const last = files.pop()
  expect(readdirSync(join(folder, 'log'))).toEqual(expect.arrayContaining(files))

  first.destroy()
  await expect
    .poll(() => readdirSync(join(folder, 'log')).some((name) => files.includes(name)), { timeout: 10_000 })
    .toBe(false)
  expect(last).toBeDefined()
  const again = () => leveret('backup', '--data-dir', folder, '--to', join(temporaryFolder(), 'third.tar'))
  // The broker learns a little later that the first one has gone.
  await expect.poll(async () => (await again()).exitCode, { timeout: 10_000 }).toBe(0)
})

test('a backup that is cut off leaves nothing, and says so', async () => {
  const { folder, server, broker } = await running()
  broker.declareQueue('q', { durable: true })
  // More than sockets hold: the copy is under way for a while.
  for (let number = 0; number < 3000; number++) broker.publish('', 'q', 'x'.repeat(10_000), { deliveryMode: 2 })
  await broker.whenDurable()
  const to = join(temporaryFolder(), 'cut.tar')
  const copying = leveret('backup', '--data-dir', folder, '--to', to)
  await expect.poll(() => existsSync(`${to}.part`), { interval: 1, timeout: 10_000 }).toBe(true)
  await server.http.close()
  const { exitCode, errors } = await copying
  expect(exitCode).toBe(3)
  expect(errors).toMatch(/^leveret: ./)
  expect([existsSync(to), existsSync(`${to}.part`)]).toEqual([false, false])
})

test('a broker without control socket is told of', async () => {
  const { folder, server } = await running()
  await server.http.close()
  const { exitCode, errors } = await leveret('backup', '--data-dir', folder, '--to', join(temporaryFolder(), 'no.tar'))
  expect(exitCode).toBe(3)
  expect(errors).toMatch(
    /is in use by this process since .*: stop it first, or have it copy its store, which it does not do: no broker answers at .*ctl.sock/,
  )
})

test('a broker that keeps nothing on a disk has nothing to copy', async () => {
  const server = new ServerBuilder().build()
  await server.start()
  onTestFinished(() => server.shutdown())
  const path = join(temporaryFolder(), 'ctl.sock')
  await server.http.listenControl({ path, process: new FakeProcess() })
  const to = join(temporaryFolder(), 'copy.tar')
  expect(await leveret('ctl', 'backup', to, '--ctl-socket', path)).toMatchObject({
    exitCode: 69,
    errors: 'Error: messages are kept in memory: there is nothing to copy',
  })
  expect(existsSync(`${to}.part`)).toBe(false)
})
