// A server over a store on a real disk whose log files a test can make fail, with clients on real sockets.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { openFolder } from '../../storage/level/disk/files.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import type { LevelStorageOptions } from '../../storage/level/level-storage-options.ts'
import { FaultyFiles } from '../storage/level/faulty-files.ts'
import { diskFolder } from '../support/memory-folder.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { type OpenOptions, RawClient } from '../support/raw-client.ts'

/** How a queue that outlives its connection is declared. */
export const DURABLE = { durable: true, exclusive: false } as const
export const PERSISTENT = { deliveryMode: 2 }

interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

export class DurableServer {
  readonly folder = mkdtempSync(join(diskFolder(), 'leveret-disk-'))
  readonly #options: Partial<LevelStorageOptions>
  readonly #config: Partial<ServerConfig>
  readonly #clients: RawClient[] = []
  files!: FaultyFiles
  storage!: LevelStorage
  server!: Server
  host = ''
  port = 0
  fatal: Error[] = []
  damage: string[] = []
  log: LogLine[] = []

  private constructor(options: Partial<LevelStorageOptions>, config: Partial<ServerConfig>) {
    this.#options = options
    this.#config = config
  }

  static async start(
    options: Partial<LevelStorageOptions> = {},
    config: Partial<ServerConfig> = {},
  ): Promise<DurableServer> {
    const server = new DurableServer(options, config)
    await server.#start()
    return server
  }

  /** Stops the server and starts another one over the same folder, on a disk without faults. */
  async restart(): Promise<void> {
    await this.stop()
    await this.#start()
  }

  async stop(graceMs = 200): Promise<void> {
    for (const client of this.#clients.splice(0)) client.destroy()
    this.files.fault = () => {}
    await this.server.shutdown({ graceMs })
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async open(options: OpenOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(this)
    this.#clients.push(client)
    return await client.handshake(options)
  }

  /** Channel 1 of a connection of its own. */
  async channel(options: OpenOptions = {}): Promise<RawChannel> {
    return await (await this.open(options)).channel(1)
  }

  /** Channel 1 of a connection of its own, which confirms. */
  async confirming(options: OpenOptions = {}): Promise<RawChannel> {
    const channel = await this.channel(options)
    await channel.call('confirm.select')
    return channel
  }

  /** Resolves once the journal says so: at once, or with one of its changes. */
  async until(isTrue: () => boolean): Promise<void> {
    const { journal } = this.storage
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        const unsubscribe = journal.onChange(() => {
          unsubscribe()
          resolve()
        })
      })
    }
  }

  errors(): string[] {
    return this.log.filter(({ level }) => level === 'error').map(({ text }) => text)
  }

  async #start(): Promise<void> {
    this.fatal = []
    this.damage = []
    this.log = []
    const folder = this.#options.folder ?? this.folder
    this.files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
    this.storage = new LevelStorage({
      folder: this.folder,
      files: this.files,
      onFatal: (error) => this.fatal.push(error),
      onDamage: (text) => this.damage.push(text),
      ...this.#options,
    })
    const note = (level: LogLine['level']) => (_: object, text: string) => void this.log.push({ level, text })
    this.server = new ServerBuilder()
      .withConfig({ port: 0, heartbeatSec: 0, passwordHashing: 'sha256', ...this.#config })
      .withStorage(this.storage)
      .withLogger({ debug: () => {}, info: note('info'), warn: note('warn'), error: note('error') })
      .build()
    const [address] = await this.server.listen()
    if (address === undefined) throw new Error('the server does not listen')
    this.host = address.host
    this.port = address.port
  }
}
