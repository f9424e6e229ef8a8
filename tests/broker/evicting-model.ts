// A model over a storage on the disk that keeps nothing in memory for longer than it has to.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fieldTable, type PlainTable } from '../../protocol/field-table-plain.ts'
import type { Message } from '../../src/broker/messages/message.ts'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import type { QueueLog } from '../../storage/queue-log.ts'
import type { Segment } from '../../storage/segment.ts'
import { Model, message } from './model.ts'

export class EvictingModel {
  readonly model: Model
  readonly #storage: LevelStorage
  readonly #folder: string

  private constructor(storage: LevelStorage, folder: string) {
    this.model = new Model(storage)
    this.#storage = storage
    this.#folder = folder
  }

  static async open(): Promise<EvictingModel> {
    const folder = mkdtempSync(join(tmpdir(), 'leveret-evicting-'))
    const storage = new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 })
    await storage.open()
    return new EvictingModel(storage, folder)
  }

  async close(): Promise<void> {
    await this.#storage.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  durableQueue(name: string, table: PlainTable = {}): Queue {
    return this.model.queue(name, { durable: true, arguments: fieldTable(table) })
  }

  /** Resolves when what was published so far is on the disk. */
  async whenDurable(): Promise<void> {
    await new Promise<void>((resolve) => this.#storage.journal.whenDurable(resolve))
  }
}

/** A message that survives a restart. */
export function durableMessage(body: string): Message {
  const made = message('', 'q', body, { deliveryMode: 2 })
  made.isDurable = true
  return made
}

/** Takes all out of memory that the log of the segment can do without. */
export function evictLogOf(segment: Segment): void {
  const log = segment.log as QueueLog
  log.evict(Number.MAX_SAFE_INTEGER)
}
