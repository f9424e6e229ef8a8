// Sessions of real clients, changed in thousands of ways, against a broker that others use at the same time. The same seed
// makes the same changes: LEVERET_FUZZ_SEED, LEVERET_FUZZ_SECONDS (60), LEVERET_FUZZ_ONLY (the number of one attack).
import { randomInt } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BrokerProcess } from '../malice/broker-process.ts'
import { Bystander } from '../malice/bystander.ts'
import { RawClient } from '../support/raw-client.ts'
import { methodFrame } from '../support/wire-frames.ts'
import { attackBroker, type Outcome } from './attacker.ts'
import { cutSession, type Session } from './mutations.ts'
import { Recorder } from './recorder.ts'
import { SCRIPTS } from './scripts.ts'

const SEED = Number(process.env.LEVERET_FUZZ_SEED ?? randomInt(2 ** 31))
const SECONDS = Number(process.env.LEVERET_FUZZ_SECONDS ?? 60)
const ONLY = process.env.LEVERET_FUZZ_ONLY
const ATTACKERS = 8
/** More resident memory than when it started, in MiB. */
const GROWN_MB_MAX = 250
const KEPT_OUTCOMES = 32

async function record(broker: BrokerProcess): Promise<Session[]> {
  const recorder = await Recorder.start(broker)
  const sessions: Session[] = []
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await script(recorder)
    for (const stream of recorder.take()) sessions.push(cutSession(name, stream))
  }
  await recorder.stop()
  return sessions
}

/** Deletes the queues that mutated sessions leave behind, by all the names they can have been given. */
async function cleanUp(broker: BrokerProcess, sessions: readonly Session[]): Promise<void> {
  const names = new Set(
    sessions.flatMap(
      ({ pieces }) =>
        Buffer.concat(pieces)
          .toString('latin1')
          .match(/fuzz-[a-z0-9-]+/g) ?? [],
    ),
  )
  const client = await (await RawClient.connect(broker)).handshake()
  for (const queue of names) {
    const channel = await client.channel(1)
    client.write(methodFrame(1, 'queue.delete', { queue, nowait: true }))
    client.send(1, 'channel.close', { replyCode: 200 })
    // The queue may be exclusive to an attacker: then the channel is closed by the broker.
    if ((await channel.next()).name === 'channel.close') {
      channel.send('channel.close-ok')
      await channel.expect('channel.close-ok')
    }
  }
  await client.close()
}

class Tally {
  attacks = 0
  refused = 0
  bytesReceived = 0
  residentMbMax = 0
  readonly kept: { number: number; outcome: Outcome }[] = []
  readonly guilty: { number: number; outcome: Outcome }[] = []

  add(number: number, outcome: Outcome): void {
    this.attacks++
    if (outcome.isRefused) this.refused++
    this.bytesReceived += outcome.bytesReceived
    this.kept.push({ number, outcome })
    if (this.kept.length > KEPT_OUTCOMES) this.kept.shift()
    if (outcome.hasInternalError) this.guilty.push({ number, outcome })
  }

  /** Writes down the attacks that may be to blame; the folder. */
  dump(): string {
    const folder = mkdtempSync(join(tmpdir(), 'leveret-fuzz-'))
    for (const { number, outcome } of [...this.guilty.slice(0, 20), ...this.kept]) {
      writeFileSync(join(folder, `${number}.bin`), Buffer.concat(outcome.attack.pieces))
      writeFileSync(join(folder, `${number}.txt`), `seed ${SEED}, attack ${number}: ${outcome.attack.name}\n`)
    }
    return folder
  }
}

async function attackUntil(
  endsAtMs: number,
  broker: BrokerProcess,
  sessions: readonly Session[],
  tally: Tally,
): Promise<void> {
  let number = Number(ONLY ?? 0)
  const work = async (): Promise<void> => {
    while (
      performance.now() < endsAtMs &&
      broker.isRunning &&
      broker.errors.length === 0 &&
      tally.guilty.length === 0
    ) {
      const mine = number
      if (ONLY === undefined) number++
      tally.add(mine, await attackBroker(broker, sessions, SEED, mine))
      tally.residentMbMax = Math.max(tally.residentMbMax, broker.residentMb() ?? 0)
      if (mine % 500 === 499) await cleanUp(broker, sessions)
      if (ONLY !== undefined && tally.attacks >= 50) return
    }
  }
  await Promise.all(Array.from({ length: ONLY === undefined ? ATTACKERS : 1 }, work))
}

test(
  'a bystander does not notice what mutated sessions do',
  async () => {
    const broker = await BrokerProcess.start('--log-level', 'info', '--login-failures-max', '0', '--allow-anonymous')
    const sessions = await record(broker)
    expect(sessions.length).toBeGreaterThanOrEqual(Object.keys(SCRIPTS).length)
    const bystander = await Bystander.start(broker)
    const tally = new Tally()
    let isPassed = false
    try {
      await bystander.lives(100)
      const residentMbBefore = broker.residentMb() ?? 0
      await attackUntil(performance.now() + SECONDS * 1000, broker, sessions, tally)
      expect(broker.output).toBe('')
      expect(broker.isRunning).toBe(true)
      expect(broker.errors).toEqual([])
      expect(tally.guilty.map(({ number, outcome }) => `attack ${number}: ${outcome.attack.name}`)).toEqual([])
      await bystander.lives(100)
      await bystander.stop()
      expect(tally.residentMbMax - residentMbBefore).toBeLessThan(GROWN_MB_MAX)
      expect(tally.refused).toBeGreaterThan(0)
      expect(await broker.stop()).toBe(0)
      // The log counts alike lines together, whether their connections were open or not.
      expect(broker.ended).toBeGreaterThanOrEqual(broker.opened)
      isPassed = true
    } finally {
      bystander.destroy()
      await broker.stop()
      const { attacks, refused, residentMbMax } = tally
      process.stdout.write(
        `fuzz: seed ${SEED}, ${attacks} attacks (${refused} refused), bystander ${bystander.count} messages, longest ` +
          `${bystander.longestMs.toFixed(0)} ms, ${broker.opened} logins, ${residentMbMax.toFixed(0)} MiB resident at most\n`,
      )
      if (!isPassed) process.stdout.write(`fuzz: the latest attacks are in ${tally.dump()}\n`)
    }
  },
  SECONDS * 1000 + 120_000,
)
