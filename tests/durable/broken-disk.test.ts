// A disk that leaves it uncertain what is on it: nothing is confirmed any more, and the program ends with a code of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Catalogue } from '../../storage/level/catalogue/catalogue.ts'
import { type FileOperation, ShortWrite, systemError } from '../storage/level/faulty-files.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const QUEUE = 'orders'
const MAIN = join(import.meta.dirname, '../../dist/src/cli/main.js')
const BREAK_DISK = join(import.meta.dirname, 'break-disk.mjs')
const STORAGE_FAILED = 3

function publish(channel: RawChannel, body: string | Buffer): void {
  channel.publish({ routingKey: QUEUE, body, properties: PERSISTENT })
}

describe('a server inside a program', () => {
  let disk: DurableServer | undefined

  afterEach(async () => {
    vi.restoreAllMocks()
    await disk?.remove()
    disk = undefined
  })

  async function publisherOf(server: DurableServer): Promise<RawChannel> {
    const publisher = await server.confirming()
    await publisher.call('queue.declare', { queue: QUEUE, durable: true })
    publish(publisher, 'confirmed')
    await publisher.expect('basic.ack', { deliveryTag: 1 })
    return publisher
  }

  test.each<[string, FileOperation, Error]>([
    ['a sync failed', 'sync', systemError('EIO')],
    ['a write failed', 'write', systemError('EIO')],
    ['a write failed in the middle', 'write', new ShortWrite(0.5, systemError('EIO'))],
  ])('confirms nothing any more once %s, though it works again', async (_, operation, error) => {
    disk = await DurableServer.start()
    const publisher = await publisherOf(disk)
    let left = 1
    disk.files.fault = (at) => {
      if (at === operation && left-- > 0) throw error
    }
    publish(publisher, 'lost')
    await disk.until(() => disk?.storage.journal.trouble !== undefined)
    publish(publisher, 'later')
    await publisher.client.expect(0, 'connection.blocked', { reason: 'low on disk' })
    expect(disk.fatal).toHaveLength(1)
    expect(disk.errors()).toEqual([expect.stringMatching(/^the log cannot be (?:synced|written)/)])
    expect(disk.server.health().status).toBe('unhealthy')

    const consumer = await disk.channel()
    await consumer.consume(QUEUE)
    await consumer.expectBodies('confirmed', 'lost', 'later')
    await expect(publisher.client.next(undefined, 600)).rejects.toThrow('nothing arrived')
    await disk.restart()
    const found = await (await disk.channel()).drain(QUEUE)
    expect(found[0]).toBe('confirmed')
    expect(found).not.toContain('later')
  })

  test('confirms nothing any more once the catalogue cannot be written, and the log has everything', async () => {
    disk = await DurableServer.start({ logFileBytes: 1024 * 1024 })
    const publisher = await publisherOf(disk)
    const error = Object.assign(new Error('IO error: 000003.log: Input/output error'), { code: 'LEVEL_IO_ERROR' })
    vi.spyOn(Catalogue.prototype, 'write').mockRejectedValue(error)
    publish(publisher, Buffer.alloc(900_000, 'x'))
    await publisher.expect('basic.ack', { deliveryTag: 2 })
    await disk.until(() => disk?.storage.journal.trouble !== undefined)
    expect(disk.fatal).toEqual([error])
    publish(publisher, 'later')
    await publisher.client.expect(0, 'connection.blocked', { reason: 'low on disk' })
    await expect(publisher.client.next(undefined, 100)).rejects.toThrow('nothing arrived')
    vi.restoreAllMocks()
    await disk.restart()
    expect(disk.server.recovery).toMatchObject({ messages: 2, problems: [] })
  })
})

describe('leveret serve', () => {
  interface Line {
    readonly level: string
    readonly msg: string
    readonly port?: number
  }

  class Program {
    readonly folder = mkdtempSync(join(tmpdir(), 'leveret-broken-'))
    readonly lines: Line[] = []
    readonly child: ChildProcess
    readonly exited: Promise<number | null>
    port = 0

    constructor(...flags: string[]) {
      const others = Object.entries(process.env).filter(([name]) => !/^(?:LEVERET|RABBITMQ)_/.test(name))
      const env = { ...Object.fromEntries(others), LEVERET_BREAK_DISK: join(this.folder, 'broken') }
      const dataFlags = ['--storage', 'leveldb', '--data-dir', join(this.folder, 'store'), '--log-format', 'json']
      this.child = spawn(process.execPath, ['--import', BREAK_DISK, MAIN, '--port', '0', ...dataFlags, ...flags], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      this.exited = once(this.child, 'close').then(([code]) => code)
      onTestFinished(async () => {
        this.child.kill('SIGKILL')
        await this.exited
        rmSync(this.folder, { recursive: true, force: true })
      })
    }

    async start(): Promise<this> {
      const lines = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })
      await new Promise<void>((resolve, reject) => {
        lines.on('line', (text) => {
          const line: Line = JSON.parse(text)
          this.lines.push(line)
          this.port = line.port ?? this.port
          if (line.msg === 'Server startup complete') resolve()
        })
        this.child.once('exit', (code) => reject(new Error(`it did not start: ${code}`)))
      })
      return this
    }

    breakDisk(how: string): void {
      writeFileSync(join(this.folder, 'broken'), how)
    }

    errors(): string[] {
      return this.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)
    }

    async publisher(): Promise<RawChannel> {
      const client = await RawClient.connect({ host: '127.0.0.1', port: this.port })
      onTestFinished(() => client.destroy())
      const channel = await (await client.handshake()).channel(1)
      await channel.call('confirm.select')
      await channel.call('queue.declare', { queue: QUEUE, durable: true })
      return channel
    }
  }

  test.each(['sync EIO', 'write EIO'])(
    'ends with a code of its own after a failed %s, and confirms nothing',
    async (how) => {
      const program = await new Program().start()
      const publisher = await program.publisher()
      publish(publisher, 'confirmed')
      await publisher.expect('basic.ack', { deliveryTag: 1 })
      program.breakDisk(how)
      publish(publisher, 'lost')
      await publisher.client.expectSocketClosed()
      await expect(publisher.next()).rejects.toThrow('closed the socket')
      expect(await program.exited).toBe(STORAGE_FAILED)
      // The last lines of a program that ends at once may swap places.
      expect(program.errors().sort()).toEqual([
        expect.stringMatching(/^the log cannot be (?:synced|written)/),
        expect.stringMatching(/check the disk, then start it again/),
      ])
    },
  )

  test('that is stopped while the disk is full ends in time, says so, and has everything that was confirmed', async () => {
    const program = await new Program('--shutdown-grace', '2').start()
    const publisher = await program.publisher()
    publish(publisher, 'confirmed')
    await publisher.expect('basic.ack', { deliveryTag: 1 })
    program.breakDisk('write ENOSPC')
    publish(publisher, 'waiting')
    await vi.waitFor(() => expect(program.errors()).toHaveLength(1), 5000)
    program.child.kill('SIGTERM')
    const startedAtMs = performance.now()
    await publisher.client.expectConnectionClose(320, /.*/)
    await program.exited
    expect(performance.now() - startedAtMs).toBeLessThan(4000)
    expect(program.errors()).toContainEqual(expect.stringMatching(/not confirmed/))

    rmSync(join(program.folder, 'broken'))
    const server = await DurableServer.start({ folder: join(program.folder, 'store') })
    onTestFinished(() => server.remove())
    expect(await (await server.channel()).drain(QUEUE)).toEqual(['confirmed'])
  })
})
