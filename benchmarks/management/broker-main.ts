// A broker with very many queues, and a look at how late its event loop is. Told what to do by its parent.
import { totalmem } from 'node:os'
import { collectLessOften } from '../../src/cli/assembly/collector.ts'
import { lowerHelperThreads } from '../../src/cli/serve/helper-threads.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { type LoopDelay, LoopWatch } from './loop-watch.ts'

export interface BrokerStarted {
  readonly amqp: string
  readonly management: string
  readonly metrics: string
}

async function main(queues: number, hasDoors: boolean): Promise<void> {
  // As the command does.
  lowerHelperThreads()
  collectLessOften({ memoryBytes: totalmem(), memoryLimitBytes: totalmem() * 0.6 })
  const server = new ServerBuilder().withConfig({ port: 0, passwordHashing: 'sha256' }).build()
  await server.listen()
  for (let i = 0; i < queues; i++) {
    server.broker.declareQueue(`queue-${String(i).padStart(6, '0')}`, { durable: false })
    if (i % 100 === 0) server.broker.publish('', `queue-${String(i).padStart(6, '0')}`, 'x')
  }
  const management = hasDoors ? (await server.http.listenManagement({ port: 0 })).url : ''
  const metrics = hasDoors ? (await server.http.listenMetrics({ port: 0 })).url : ''
  const loop = new LoopWatch()
  process.on('message', (what) => {
    if (what === 'sample') void server.statistics.sample().then(() => process.send?.('sampled'))
    if (what === 'reset') loop.reset()
    if (what === 'delay') {
      const found: LoopDelay = loop.delay
      process.send?.(found)
    }
  })
  const started: BrokerStarted = { amqp: server.url, management, metrics }
  process.send?.(started)
}

process.on('disconnect', () => process.exit())
await main(Number(process.argv[2]), process.argv[3] !== 'closed')
