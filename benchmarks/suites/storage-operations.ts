import { allocateBlock, EMPTY_BLOCK } from '../../src/lib/block.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import type { QueueLog } from '../../storage/queue-log.ts'
import type { RecordSource } from '../../storage/record.ts'
import type { Segment } from '../../storage/segment.ts'
import type { BenchmarkCase, Suite } from '../suite.ts'

const RECORDS = 10_000
const KEY_BYTES = 16
const HEADER_BYTES = 15

/** What a queue does with its log, below the broker. */
export function storageOperations(): Suite {
  const storage = new MemoryStorage()
  const bodies = [16, 1024]
  return {
    name: 'storage operations',
    note: `one record in a queue's log; kept in memory, not durable`,
    cases: bodies.flatMap((bodyBytes) => casesFor(storage, bodyBytes)),
  }
}

function casesFor(storage: MemoryStorage, bodyBytes: number): BenchmarkCase[] {
  const source = recordSource(bodyBytes)
  const log = storage.createQueueLog()
  const fill = (): void => {
    for (let i = 0; i < RECORDS; i++) log.append(source)
  }
  const moving = { operations: RECORDS, bytes: bodyBytes }
  const name = (what: string): string => `${what}, ${bodyBytes} B`
  return [
    { ...moving, name: name('append'), run: fill, after: () => void log.purge() },
    { operations: RECORDS, name: name('take and settle'), before: fill, run: () => takeAll(log) },
    { ...moving, name: name('append, take and settle'), run: () => passThrough(log, source) },
    {
      operations: RECORDS,
      name: name('take and requeue'),
      before: fill,
      run: () => requeueAll(log),
      after: () => void log.purge(),
    },
    {
      name: name(`purge ${RECORDS.toLocaleString('en-US')} records`),
      operations: 1,
      before: fill,
      run: () => void log.purge(),
    },
  ]
}

function takeAll(log: QueueLog): void {
  while (log.readyCount > 0) settleNext(log)
}

/** The usual life of a message: it does not wait long. */
function passThrough(log: QueueLog, source: RecordSource): void {
  for (let i = 0; i < RECORDS; i++) {
    log.append(source)
    settleNext(log)
  }
}

function settleNext(log: QueueLog): void {
  log.take()
  log.settle(taken(log), log.index)
}

function requeueAll(log: QueueLog): void {
  const positions: [Segment, number][] = []
  while (log.readyCount > 0) {
    log.take()
    positions.push([taken(log), log.index])
  }
  for (const [segment, index] of positions) log.requeue(segment, index)
}

function taken(log: QueueLog): Segment {
  if (log.segment === undefined) throw new Error('nothing was taken')
  return log.segment
}

function recordSource(bodyBytes: number): RecordSource {
  const head = allocateBlock(KEY_BYTES + HEADER_BYTES)
  head.bytes.fill(0x61)
  const body = bodyBytes === 0 ? EMPTY_BLOCK : allocateBlock(bodyBytes)
  body.bytes.fill(0x62)
  return {
    head,
    keyStart: 0,
    keyEnd: KEY_BYTES,
    headerStart: KEY_BYTES,
    headerEnd: KEY_BYTES + HEADER_BYTES,
    body,
    bodyStart: 0,
    bodyEnd: bodyBytes,
    isDurable: false,
    ownBody: () => body,
  }
}
