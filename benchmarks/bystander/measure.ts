import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import type { Percentiles } from '../../src/perf/histogram.ts'
import { Generator } from '../compare/generator.ts'
import type { LeveretProcess } from '../compare/leveret-process.ts'
import { GENERATOR_PROCESSOR, pinned } from '../compare/pinning.ts'
import { startChild } from '../leftovers.ts'
import { Bystander } from './bystander.ts'
import type { Neighbour } from './neighbours.ts'

const ATTACK_MAIN = fileURLToPath(new URL('./attack-main.js', import.meta.url))
/** Until then, V8 compiles what the load and the bystander need, in threads that take part of the broker's one processor. */
const WARMUP_SECONDS = 10
/** How much longer than the bystander the load lasts. */
const MARGIN_SECONDS = 1.5
/** What an attack leaves to be done belongs to it. */
const TRAIL_MS = 300
/** An attack that takes longer is cut off: the broker is lost to it. */
const ATTACK_MS_MAX = 10_000

export interface Measured {
  /** How long the bystander's messages took; undefined when none came back. */
  readonly latencyUs: Percentiles | undefined
  /** Messages per second of the load. */
  readonly perSecond: number | undefined
}

/** Lets the neighbour loose on a broker that was just started, and looks after the bystander. */
export async function measure(
  neighbour: Neighbour,
  broker: LeveretProcess,
  seconds: number,
  pins: boolean,
): Promise<Measured> {
  const bystander = await Bystander.connect(parseBrokerUri(broker.url))
  try {
    if (neighbour.name === 'none') return await besideLoad(bystander, Promise.resolve(undefined), seconds)
    if (neighbour.load === undefined) return await besideAttack(neighbour, broker, bystander, pins)
    const { name, load, measure: rate = 'consumed' } = neighbour
    const length = { seconds: seconds + MARGIN_SECONDS, warmupSeconds: WARMUP_SECONDS }
    const report = new Generator().run({ name, options: load }, broker, length, pins)
    const perSecond = report.then((result) => result[rate].perSecond)
    return await besideLoad(bystander, perSecond, seconds)
  } finally {
    bystander.destroy()
  }
}

async function besideLoad(bystander: Bystander, load: Promise<number | undefined>, seconds: number): Promise<Measured> {
  bystander.start()
  await sleep((WARMUP_SECONDS + MARGIN_SECONDS / 2) * 1000)
  bystander.start()
  await sleep(seconds * 1000)
  return { latencyUs: await bystander.stop(), perSecond: await load }
}

async function besideAttack(
  neighbour: Neighbour,
  broker: LeveretProcess,
  bystander: Bystander,
  pins: boolean,
): Promise<Measured> {
  const command = pinned(GENERATOR_PROCESSOR, [process.execPath, ATTACK_MAIN, broker.url, neighbour.name], pins)
  const child = startChild(command, ['pipe', 'pipe', 'inherit'])
  if (child.stdout === null || child.stdin === null) throw new Error('the attack has no output')
  const lines = createInterface({ input: child.stdout })
  const exited = once(child, 'exit').then(() => undefined)
  if ((await Promise.race([once(lines, 'line'), exited])) === undefined) throw new Error('the attack did not begin')
  bystander.start()
  const done = Promise.race([once(lines, 'line'), exited, sleep(ATTACK_MS_MAX)])
  child.stdin.write('\n')
  await done
  await sleep(TRAIL_MS)
  const latencyUs = await bystander.stop()
  child.kill('SIGKILL')
  return { latencyUs, perSecond: undefined }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
