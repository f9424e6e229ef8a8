import { rm } from 'node:fs/promises'
import type { LeveretProcess } from '../compare/leveret-process.ts'
import { type Bench, eachRound, type Measure, newStore, runCounted, withLeveret } from './bench.ts'
import { diskBytes, settledDiskBytes } from './disk-bytes.ts'
import { figure, type Wanted } from './figure.ts'

// How much the broker writes for a byte of a message: the log, the catalogue and LevelDB's own housekeeping.

const BODY_BYTES = 1024
const DURABLE = ['--size', String(BODY_BYTES), '--durable', '--persistent', '--confirm', '1000']
const ACKED = ['--ack-every', '1', '--prefetch', '1000']

/** A consumer waits for each message. */
export const writtenStreaming = measure(
  'written-streaming',
  'bytes written per body byte, 1 KiB confirmed stream, consumed at once',
  { below: 1.3 },
  async (bench, leveret) => {
    await runCounted(bench, { name: 'stream', options: [...DURABLE, ...ACKED] }, leveret, bench.messages)
  },
)

/** The whole queue first, then its reader. */
export const writtenQueued = measure(
  'written-queued',
  'bytes written per body byte, 1 KiB, all queued, then drained',
  { below: 3 },
  async (bench, leveret) => {
    const fill = { name: 'fill', options: [...DURABLE, '--consumers', '0', '--keep'] }
    await runCounted(bench, fill, leveret, bench.messages)
    await settledDiskBytes(leveret.pid)
    const drain = { name: 'drain', options: ['--publishers', '0', '--durable', ...ACKED] }
    await runCounted(bench, drain, leveret, bench.messages)
  },
)

function measure(
  name: string,
  description: string,
  wanted: Wanted,
  load: (bench: Bench, leveret: LeveretProcess) => Promise<void>,
): Measure {
  return {
    name,
    description,
    run: async (bench) => {
      const runs = await eachRound(bench, name, async () => {
        const folder = newStore(bench)
        const perBodyByte = await withLeveret(bench, folder, async (leveret) => {
          const before = diskBytes(leveret.pid)
          await load(bench, leveret)
          const after = await settledDiskBytes(leveret.pid)
          return (after - before) / (bench.messages * BODY_BYTES)
        })
        await rm(folder, { recursive: true })
        return perBodyByte
      })
      return [figure({ name, description, unit: '×', wanted }, runs)]
    },
  }
}
