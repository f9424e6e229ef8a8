import { parseArgs } from 'node:util'
import type { EmbeddedBroker } from '../src/embedded/embedded-broker.ts'
import { ServerBuilder } from '../src/server/server-builder.ts'
import { environmentLine } from './environment.ts'
import { type CaseResult, runSuite, type Suite } from './suite.ts'
import { concurrentOperations } from './suites/concurrent-operations.ts'
import { deadLetters } from './suites/dead-letters.ts'
import { exchangeDeclaration, queueDeclaration } from './suites/declarations.ts'
import { exchangeTypes } from './suites/exchange-types.ts'
import { messageSizes, publish } from './suites/publishing.ts'
import { storageOperations } from './suites/storage-operations.ts'

// npm run bench -- [--only NAME,…] [--time MS] [--json]
//
// In process, without a network: what the model and the storage cost by themselves. Queues keep every message; they are
// emptied between the timed calls. For numbers over TCP see compare.ts.

const SUITES: readonly ((broker: EmbeddedBroker) => Suite)[] = [
  exchangeDeclaration,
  queueDeclaration,
  publish,
  messageSizes,
  deadLetters,
  exchangeTypes,
  concurrentOperations,
  storageOperations,
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      time: { type: 'string', default: '500' },
      json: { type: 'boolean', default: false },
    },
  })
  const timeMs = Number(values.time)
  if (!(timeMs >= 1 && timeMs <= 600_000)) throw new Error(`--time is a number from 1 to 600000, not '${values.time}'`)
  const only = values.only.split(',').filter((name) => name !== '')
  const results: CaseResult[] = []
  if (!values.json) console.log(environmentLine())
  for (const make of SUITES) {
    const server = new ServerBuilder().build()
    await server.start()
    const suite = make(server.broker)
    const isWanted = only.length === 0 || only.some((name) => suite.name.includes(name))
    const ofSuite = isWanted ? await runSuite(suite, timeMs) : []
    await server.shutdown()
    results.push(...ofSuite)
    if (isWanted && !values.json) print(suite, ofSuite)
  }
  if (only.length > 0 && results.length === 0) throw new Error(`no suite is called '${only.join()}'`)
  if (values.json) console.log(JSON.stringify({ environment: environmentLine(), results }, undefined, 2))
}

function print(suite: Suite, results: readonly CaseResult[]): void {
  console.log(`\n${suite.name}: ${suite.note}`)
  for (const result of results) {
    const rate = `${result.operationsPerSecond.toLocaleString('en-US')}/s`.padStart(14)
    const cost = `${result.usPerOperation} µs ± ${result.marginPercent} %`.padEnd(22)
    const bytes =
      result.megabytesPerSecond === null ? '' : `${result.megabytesPerSecond.toLocaleString('en-US')} MB/s, `
    const count = `${result.calls} × ${result.operationsPerCall.toLocaleString('en-US')}`
    console.log(`  ${result.name.padEnd(42)} ${rate}  ${cost} ${bytes}${count}`)
  }
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
