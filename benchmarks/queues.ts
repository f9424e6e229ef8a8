import { runMeasures } from './measures.ts'
import { expirations } from './queues/expirations.ts'
import { idleQueues } from './queues/idle-queues.ts'
import { lateness } from './queues/lateness.ts'

// npm run bench:queues -- [--only NAMES]
//
// What times cost that messages and queues have: memory, processor time while nothing happens, and how late they are kept.
// What these cost a message on its way is in bench:compare.

await runMeasures({
  name: 'bench:queues',
  setup: 'in memory',
  measures: [expirations, idleQueues, lateness],
})
