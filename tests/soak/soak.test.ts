// The broker under mixed durable load for as long as LEVERET_SOAK_MINUTES says, ended every minute or two in order or by
// SIGKILL and started again over the same folder. It must keep what it promised, and its memory, its disk and its open files
// must not grow. `npm run soak` starts it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { consuming, publishing, purging, STREAM_QUEUES, type Stage, transacting } from '../crash/actors.ts'
import { CrashBroker } from '../crash/crash-broker.ts'
import { changingEntities } from '../crash/entity-actor.ts'
import { live } from '../crash/life.ts'
import { CrashModel } from '../crash/model.ts'
import { declareTopology, verify } from '../crash/verify.ts'
import { Random } from '../malice/random.ts'
import { CsvFile, type Sample, takeSample } from './samples.ts'
import { drainingSlowQueue, fillingSlowQueue, SlowQueueModel, slowQueueProblems } from './slow-queue.ts'
import { type Finding, mib, verdict } from './verdict.ts'

const MINUTES = Number(process.env.LEVERET_SOAK_MINUTES ?? 30)
const SEED = Number(process.env.LEVERET_SOAK_SEED ?? Math.floor(Math.random() * 1_000_000))
const CSV = process.env.LEVERET_SOAK_CSV

const MEBIBYTE = 1024 * 1024
const MEMORY_BYTES = 24 * MEBIBYTE
const LOG_FILE_BYTES = 8 * MEBIBYTE
const SLOW_QUEUE_BYTES = 4 * MEMORY_BYTES
const QUEUE_LENGTH_MAX = 1500
/** Log files that may wait to be used again. */
const SPARE_FILES = 16
const LIMITS = { diskConstantBytes: 96 * MEBIBYTE + SPARE_FILES * LOG_FILE_BYTES, residentBytesMax: 400 * MEBIBYTE }
const TOTAL_MS = MINUTES * 60_000
/** A short run has its restarts, too. */
const LIFE_MS_MAX = Math.min(120_000, TOTAL_MS / 4)
const SAMPLE_MS = 5000
const LINE_MS = 60_000

const folder = process.env.LEVERET_SOAK_FOLDER ?? mkdtempSync(join(tmpdir(), 'leveret-soak-'))
let broker: CrashBroker | undefined

afterAll(async () => {
  await broker?.kill()
  rmSync(folder, { recursive: true, force: true })
})

const say = (text: string): void => void process.stdout.write(`soak: ${text}\n`)

class Soak {
  readonly model = new CrashModel(QUEUE_LENGTH_MAX)
  readonly slow = new SlowQueueModel(SLOW_QUEUE_BYTES)
  readonly random = new Random(SEED)
  readonly samples: Sample[] = []
  readonly problems: string[] = []
  life = 0
  readonly #csv = CSV === undefined ? undefined : new CsvFile(CSV)
  readonly #startedAtMs = performance.now()
  #saidAtMs = performance.now()

  get leftMs(): number {
    return TOTAL_MS - (performance.now() - this.#startedAtMs)
  }

  stage(broker: CrashBroker): Stage {
    return { broker, model: this.model, random: this.random, pauseMs: 10 }
  }

  /** One process, from its start to its end; false when something was wrong. */
  async liveOnce(running: CrashBroker): Promise<boolean> {
    this.life++
    const stage = this.stage(running)
    const lifeMs = Math.min(this.leftMs, LIFE_MS_MAX / 2 + this.random.below(LIFE_MS_MAX / 2))
    const signal = this.life % 2 === 0 ? 'SIGKILL' : 'SIGTERM'
    const actors = [publishing, publishing, publishing, transacting, purging, changingEntities].map(
      (act) => () => act(stage),
    )
    for (const queue of STREAM_QUEUES) actors.push(() => consuming(stage, queue))
    actors.push(
      () => fillingSlowQueue(stage, this.slow),
      () => drainingSlowQueue(stage, this.slow),
    )
    const timer = setInterval(() => this.#look(running), SAMPLE_MS)
    try {
      await live(stage, actors, lifeMs, signal)
      if (signal === 'SIGTERM' && running.exitCode !== 0)
        throw new Error(`it ended with ${running.exitCode} on SIGTERM`)
    } catch (error) {
      this.problems.push(`in life ${this.life}: ${String(error)}`)
    } finally {
      clearInterval(timer)
    }
    return this.problems.length === 0
  }

  /** What the new process found, held against the model. */
  async check(restarted: CrashBroker): Promise<boolean> {
    const stage = this.stage(restarted)
    const found = [...(await slowQueueProblems(stage, this.slow)), ...(await verify(stage, this.random.onceIn(3)))]
    this.problems.push(...found.slice(0, 20).map((problem) => `after life ${this.life}: ${problem}`))
    return found.length === 0
  }

  findings(): Finding[] {
    const { problems, slow, life } = this
    const work = `${life} lives, slow queue ${slow.fillCount} times beyond memory and ${slow.drainCount} times drained`
    return [
      { text: `promises: ${problems.length} broken`, isGood: problems.length === 0 },
      { text: `load: ${work}`, isGood: life >= 3 && slow.fillCount > 0 && slow.drainCount > 0 },
      ...verdict(this.samples, LIMITS),
    ]
  }

  #look({ pid }: CrashBroker): void {
    let { liveBytes } = this.slow
    for (const queue of this.model.queues()) liveBytes += queue.liveBytes
    const atSec = Math.round((performance.now() - this.#startedAtMs) / 1000)
    const sample = takeSample(pid, folder, { atSec, life: this.life, liveBytes })
    if (sample === undefined) return
    this.samples.push(sample)
    this.#csv?.add(sample)
    if (performance.now() - this.#saidAtMs < LINE_MS) return
    this.#saidAtMs += LINE_MS
    this.#sayHowItIs(sample)
  }

  #sayHowItIs({ atSec, life, residentBytes, diskBytes, liveBytes, openFiles }: Sample): void {
    const { slow, model } = this
    const slowly = `${slow.publishedTo - slow.ackedTo} in the slow queue, which ${slow.isDraining ? 'drains' : 'fills'}`
    say(
      `${(atSec / 60).toFixed(0)} min, life ${life}: ${mib(residentBytes)} resident, ${mib(diskBytes)} on disk for ` +
        `${mib(liveBytes)} live, ${openFiles} open files, ${model.messageCount + slow.publishedTo} published, ${slowly}`,
    )
  }
}

test(`durable load with restarts for ${MINUTES} minutes (seed ${SEED})`, {
  timeout: TOTAL_MS * 1.5 + 120_000,
}, async () => {
  say(
    `${MINUTES} minutes, seed ${SEED}, log files of ${mib(LOG_FILE_BYTES)}, ${mib(MEMORY_BYTES)} of messages in memory`,
  )
  const soak = new Soak()
  const options = { folder, logFileBytes: LOG_FILE_BYTES, memoryBytes: MEMORY_BYTES }
  broker = await CrashBroker.start(options)
  await declareTopology(soak.stage(broker))
  await slowQueueProblems(soak.stage(broker), soak.slow)
  let isGood = true
  while (isGood && soak.leftMs > 1000) {
    isGood = await soak.liveOnce(broker)
    await broker.kill()
    broker = await CrashBroker.start(options)
    isGood &&= await soak.check(broker)
  }
  await broker.kill('SIGTERM')
  for (const problem of soak.problems) say(`PROBLEM ${problem}`)
  const findings = soak.findings()
  for (const { text, isGood } of findings) say(`${isGood ? 'ok  ' : 'FAIL'} ${text}`)
  const bad = findings.filter((finding) => !finding.isGood)
  say(bad.length === 0 ? 'passed' : `failed: ${bad.length} of ${findings.length}`)
  expect([...soak.problems, ...bad.map(({ text }) => text)]).toEqual([])
})
