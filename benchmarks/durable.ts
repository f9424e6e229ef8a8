import { declares } from './durable/declares.ts'
import { floor, singleConfirm } from './durable/floor.ts'
import { manyQueues } from './durable/many-queues.ts'
import { recovery } from './durable/recovery.ts'
import { throughput } from './durable/throughput.ts'
import { writtenQueued, writtenStreaming } from './durable/written-bytes.ts'
import { runMeasures } from './measures.ts'

// npm run bench:durable -- [--data-dir FOLDER] [--only NAMES]
//
// What durability costs: brokers of their own over new folders on the disk under test, with durability sync. Each number
// that depends on the disk or on another broker is compared with it in the same round, since disks and machines drift.

await runMeasures({
  name: 'bench:durable',
  setup: 'LevelDB, durability sync',
  measures: [...throughput, singleConfirm, floor, writtenStreaming, writtenQueued, declares, recovery, manyQueues],
})
