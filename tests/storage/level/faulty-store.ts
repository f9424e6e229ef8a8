import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFolder } from '../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { LevelStorageOptions } from '../../../storage/level/level-storage-options.ts'
import { FaultyFiles } from './faulty-files.ts'
import { copyAsKilled } from './killed-copy.ts'

/** A store in a folder of its own, on a disk that has the faults a test gives it. */
export class FaultyStore {
  folder: string
  files: FaultyFiles
  storage: LevelStorage
  /** What the storage has reported since it was opened. */
  fatal: Error[] = []
  damage: string[] = []
  readonly #options: Partial<LevelStorageOptions>

  private constructor(folder: string, options: Partial<LevelStorageOptions>) {
    this.folder = folder
    this.#options = options
    this.files = this.#newFiles()
    this.storage = this.#newStorage()
  }

  static async open(options: Partial<LevelStorageOptions> = {}): Promise<FaultyStore> {
    const store = new FaultyStore(mkdtempSync(join(tmpdir(), 'leveret-faulty-')), options)
    await store.storage.open()
    return store
  }

  /** Closes the storage, and opens another one in its folder. */
  async reopen(options: Partial<LevelStorageOptions> = {}): Promise<void> {
    await this.storage.close()
    await this.#openAgain(options)
  }

  /** The process is killed; what another one finds is opened. What the killed one waits for, `afterwards` brings about. */
  async kill(afterwards: () => void = () => {}): Promise<void> {
    const copy = `${this.folder}+`
    copyAsKilled(this.folder, copy)
    afterwards()
    this.files.fault = () => {}
    await this.storage.close()
    rmSync(this.folder, { recursive: true })
    this.folder = copy
    await this.#openAgain()
  }

  async remove(): Promise<void> {
    this.files.fault = () => {}
    await this.storage.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #openAgain(options: Partial<LevelStorageOptions> = {}): Promise<void> {
    this.fatal = []
    this.damage = []
    this.files = this.#newFiles()
    this.storage = this.#newStorage(options)
    await this.storage.open()
  }

  #newFiles(): FaultyFiles {
    const log = join(this.folder, 'log')
    return new FaultyFiles(this.folder, () => openFolder(log))
  }

  #newStorage(options: Partial<LevelStorageOptions> = {}): LevelStorage {
    return new LevelStorage({
      folder: this.folder,
      files: this.files,
      onFatal: (error) => this.fatal.push(error),
      onDamage: (text) => this.damage.push(text),
      ...this.#options,
      ...options,
    })
  }
}
