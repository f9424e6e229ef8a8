// Random sessions against RabbitMQ and Leveret. `tests/differential/run` starts RabbitMQ and says how long to look.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Brokers, startBrokers } from './brokers.ts'
import { firstDifference } from './comparison.ts'
import { type Both, Exploration, type Finding } from './exploration.ts'
import type { Step } from './step.ts'

const { env } = process
const PORT = Number(env.LEVERET_DIFFERENTIAL_PORT)
const JOBS = Number(env.LEVERET_DIFFERENTIAL_JOBS ?? 6)
const SEED = Number(env.LEVERET_DIFFERENTIAL_SEED ?? 1)
const COUNT = Number(env.LEVERET_DIFFERENTIAL_COUNT ?? Number.POSITIVE_INFINITY)
const REPLAY = env.LEVERET_DIFFERENTIAL_REPLAY
const NOTHING = { firstSeed: 0, count: 0, endMs: 0 }
const MINUTES = Number(env.LEVERET_DIFFERENTIAL_MINUTES ?? (Number.isFinite(COUNT) ? 24 * 60 : 1))

let brokers: Brokers

beforeAll(async () => {
  if (!(PORT > 0)) throw new Error('no RabbitMQ: run tests/differential/run')
  brokers = await startBrokers(PORT, JOBS)
})

afterAll(() => brokers?.stop())

test.runIf(REPLAY !== undefined)('RabbitMQ and Leveret answer alike to one sequence', async () => {
  const lines = readFileSync(REPLAY ?? '', 'utf8').split('\n')
  const steps = lines.filter((line) => line.trim() !== '').map((line): Step => JSON.parse(line))
  const both = await new Exploration(brokers, NOTHING).compare(steps)
  trace(0, steps, both)
  expect(firstDifference(steps, both.rabbitmq, both.leveret)?.signature).toBeUndefined()
})

test.skipIf(REPLAY !== undefined)('RabbitMQ and Leveret answer alike', { timeout: 0 }, async () => {
  const endMs = performance.now() + MINUTES * 60_000
  const limits = { firstSeed: SEED, count: COUNT, endMs }
  const exploration = new Exploration(brokers, limits, env.LEVERET_DIFFERENTIAL_TRACE === undefined ? () => {} : trace)
  await exploration.run()
  print(exploration)
  expect([...exploration.findings.values()].map(described)).toEqual([])
})

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function print({ sequences, steps, unstable, known, findings }: Exploration): void {
  say(`\n${sequences} sequences from seed ${SEED} on, ${steps} steps; ${unstable} differences did not come again`)
  for (const [reason, times] of [...known].sort((a, b) => b[1] - a[1])) say(`known, ${times} times: ${reason}`)
  for (const finding of findings.values()) say(described(finding))
}

function described({ seed, steps, difference }: Finding): string {
  const { index, rabbitmq, leveret, signature } = difference
  return [
    `\nseed ${seed}, step ${index}: ${signature}`,
    ...steps.map((step) => `    ${JSON.stringify(step)}`),
    `  RabbitMQ ${JSON.stringify(rabbitmq, null, 1)}`,
    `  Leveret  ${JSON.stringify(leveret, null, 1)}`,
  ].join('\n')
}

function trace(seed: number, steps: readonly Step[], { rabbitmq, leveret }: Both): void {
  say(`\nseed ${seed}`)
  for (const [index, entry] of rabbitmq.entries()) {
    say(`${index} ${JSON.stringify(steps[index] ?? 'end')}`)
    say(`   RabbitMQ ${JSON.stringify(entry)}`)
    say(`   Leveret  ${JSON.stringify(leveret[index])}`)
  }
}
