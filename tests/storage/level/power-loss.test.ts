// The power goes at any write or sync, and takes any part of what was not synced with it.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openFolder } from '../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { Random } from '../../malice/random.ts'
import { committed, drain, durable, takeNow } from '../contract-model.ts'
import { FaultyFiles } from './faulty-files.ts'

interface Step {
  readonly publish: number
  readonly bytes: number
  readonly settle: number
  readonly waits: boolean
}

const STEP: fc.Arbitrary<Step> = fc.record({
  publish: fc.nat(12),
  bytes: fc.oneof(fc.nat(4000), fc.constant(50_000)),
  settle: fc.nat(8),
  waits: fc.boolean(),
})

/** A disk whose power goes at the operation of this number: neither it nor anything behind it happens. */
class DoomedDisk {
  readonly folder: string
  readonly files: FaultyFiles
  isDead = false
  #cut: (error: Error) => void = () => {}
  #end: () => void = () => {}
  /** Resolves when the power goes. */
  readonly dies: Promise<void>

  constructor(folder: string, lastOperation: number) {
    this.folder = folder
    this.files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
    const cut = new Promise<void>((_, reject) => {
      this.#cut = reject
    })
    cut.catch(() => {})
    this.dies = new Promise((resolve) => {
      this.#end = resolve
    })
    let left = lastOperation
    this.files.fault = (operation) => {
      if ((operation === 'write' || operation === 'sync') && left-- <= 0) {
        this.isDead = true
        this.#end()
      }
      return this.isDead ? cut : undefined
    }
  }

  /** What is left of it: what was synced, and about this share of the rest. */
  copy(share: number, seed: number): string {
    const copy = `${this.folder}-copy`
    cpSync(this.folder, copy, { recursive: true, filter: (path) => !path.endsWith('LOCK') })
    const random = new Random(seed)
    this.files.losePower(join(copy, 'log'), () => random.below(1000) < share * 1000)
    return copy
  }

  /** Lets everybody go who waits for it. */
  release(): void {
    this.#cut(new Error('the power is gone'))
  }
}

/** Two queues that always get the same. */
class Pair {
  readonly confirmed = new Set<number>()
  readonly settled = new Set<number>()
  readonly forgotten = new Set<number>()
  readonly #storage: LevelStorage
  readonly #logs
  #count = 0

  constructor(storage: LevelStorage) {
    this.#storage = storage
    this.#logs = [storage.createQueueLog(1), storage.createQueueLog(2)] as const
  }

  carryOut({ publish, bytes, settle }: Step): void {
    const { journal } = this.#storage
    for (let left = publish; left > 0; left--) {
      const number = this.#count++
      for (const log of this.#logs) log.append(durable(number, bytes))
      journal.whenDurable(() => this.confirmed.add(number))
    }
    for (let left = settle; left > 0 && this.#logs[0].readyCount > 0; left--) {
      for (const log of this.#logs) {
        const { number, segment, index } = takeNow(log)
        log.settle(segment, index)
        this.settled.add(number)
        journal.whenDurable(() => this.forgotten.add(number))
      }
    }
  }
}

async function losePower(steps: readonly Step[], disk: DoomedDisk, share: number, seed: number): Promise<void> {
  const storage = new LevelStorage({ folder: disk.folder, files: disk.files, logFileBytes: 64 * 1024 })
  const opening = storage.open().then(
    () => true,
    () => false,
  )
  try {
    if (!(await Promise.race([opening, disk.dies.then(() => false)]))) return
    const pair = new Pair(storage)
    for (const step of steps) {
      pair.carryOut(step)
      if (step.waits) await Promise.race([committed(storage), disk.dies])
    }
    // Whatever is promised from here on is none of the copy's business.
    const [confirmed, settled, forgotten] = [pair.confirmed, pair.settled, pair.forgotten].map((set) => new Set(set))
    const copy = disk.copy(share, seed)
    const second = new LevelStorage({ folder: copy })
    const { problems } = await second.open()
    const [found = [], same] = await Promise.all([1, 2].map((id) => drain(second.createQueueLog(id))))
    await second.close()
    rmSync(copy, { recursive: true })
    expect(problems).toEqual([])
    expect(found).toEqual(same)
    expect(found).toEqual([...found].sort((a, b) => a - b))
    const missing = [...(confirmed ?? [])].filter((number) => !settled?.has(number) && !found.includes(number))
    expect(missing).toEqual([])
    expect(found.filter((number) => forgotten?.has(number))).toEqual([])
  } finally {
    disk.release()
    await opening
    await storage.close()
  }
}

test('a power loss takes nothing that was confirmed, and no commit in part', { timeout: 60_000 }, async () => {
  const property = fc.asyncProperty(
    fc.array(STEP, { minLength: 1, maxLength: 25 }),
    fc.nat(60),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(),
    async (steps, lastOperation, share, seed) => {
      const folder = mkdtempSync(join(tmpdir(), 'leveret-power-'))
      await losePower(steps, new DoomedDisk(folder, lastOperation), share, seed)
      rmSync(folder, { recursive: true, force: true })
    },
  )
  await fc.assert(property, { numRuns: 80 })
})
