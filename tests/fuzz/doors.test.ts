// The kept corpus of inputs for TLS, WebSockets and PROXY headers, changed in thousands of ways, and recorded sessions inside of
// what opens each door, against a broker that another client uses at the same time. LEVERET_FUZZ_SEED, LEVERET_FUZZ_SECONDS (60).
import { randomInt } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { BrokerProcess } from '../malice/broker-process.ts'
import { Bystander } from '../malice/bystander.ts'
import { Random } from '../malice/random.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { type DoorInput, doorCorpus } from './door-corpus.ts'

const SEED = Number(process.env.LEVERET_FUZZ_SEED ?? randomInt(2 ** 31))
const SECONDS = Number(process.env.LEVERET_FUZZ_SECONDS ?? 60)
const ATTACKERS = 8
const PATIENCE_MS = 30
/** More resident memory than when it started, in MiB. */
const GROWN_MB_MAX = 250
const PROXY = '127.0.0.9'
const LISTENERS = { tls: 'amqps', ws: 'ws', proxy: 'amqp' } as const

const folder = new CertificateFolder()
const { certFile, keyFile } = folder.server('fuzz')

/** One to four changes: bits, bytes, runs, a piece less, a piece of another input more. */
function changed({ bytes }: DoorInput, corpus: readonly DoorInput[], random: Random): Buffer {
  let result = Buffer.from(bytes)
  for (let left = random.below(4); left >= 0; left--) {
    const at = random.below(result.length + 1)
    const end = Math.min(result.length, at + random.below(16))
    const kind = random.below(6)
    if (kind === 0 && result.length > 0) result[at % result.length] = random.below(256)
    else if (kind === 1) result = Buffer.concat([result.subarray(0, at), result.subarray(end)])
    else if (kind === 2)
      result = Buffer.concat([result.subarray(0, at), random.bytes(random.below(20)), result.subarray(at)])
    else if (kind === 3) result = Buffer.from(result.subarray(0, at))
    else if (kind === 4) result.fill(random.pick([0, 1, 0x7f, 0x80, 0xff]), at, end)
    else result = Buffer.concat([result.subarray(0, at), random.pick(corpus).bytes.subarray(random.below(8))])
  }
  return result
}

async function attack(broker: BrokerProcess, corpus: readonly DoorInput[], random: Random): Promise<void> {
  const input = random.pick(corpus)
  const bytes = changed(input, corpus, random)
  const port = broker.ports.get(LISTENERS[input.door]) ?? 0
  const socket = connect({ port, host: '127.0.0.1', ...(input.door === 'proxy' ? { localAddress: PROXY } : {}) })
  socket.on('error', () => {})
  socket.resume()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await send(socket, bytes, random)
  if (random.onceIn(4)) socket.resetAndDestroy()
  else if (random.onceIn(2)) socket.end()
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))])
  socket.destroy()
  await closed
}

async function send(socket: Socket, bytes: Buffer, random: Random): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed; ) {
    const end = random.onceIn(3) ? at + 1 + random.below(50) : bytes.length
    socket.write(bytes.subarray(at, end))
    at = end
    await new Promise(setImmediate)
  }
}

const brokers: BrokerProcess[] = []
afterAll(async () => {
  for (const broker of brokers) await broker.stop()
})

test.skipIf(process.platform !== 'linux')(
  'a bystander does not notice what comes to the doors',
  async () => {
    const corpus = doorCorpus()
    const tls = [
      '--tls-port',
      '0',
      '--tls-cert',
      certFile,
      '--tls-key',
      keyFile,
      '--tls-hosts',
      `mq.example.com=${certFile}:${keyFile}`,
    ]
    const broker = await BrokerProcess.start('--ws-port', '0', '--proxy-protocol', '--proxy-networks', PROXY, ...tls)
    brokers.push(broker)
    const bystander = await Bystander.start(broker)
    await bystander.lives(100)
    const residentMbBefore = broker.residentMb() ?? 0
    const endsAtMs = performance.now() + SECONDS * 1000
    let attacks = 0
    const work = async (): Promise<void> => {
      while (performance.now() < endsAtMs && broker.isRunning && broker.errors.length === 0) {
        await attack(broker, corpus, new Random(Math.imul(SEED, 0x9e37_79b1) + attacks++))
      }
    }
    try {
      await Promise.all(Array.from({ length: ATTACKERS }, work))
      expect(broker.output).toBe('')
      expect(broker.isRunning).toBe(true)
      expect(broker.errors).toEqual([])
      await bystander.lives(100)
      await bystander.stop()
      expect((broker.residentMb() ?? 0) - residentMbBefore).toBeLessThan(GROWN_MB_MAX)
      expect(await broker.stop()).toBe(0)
    } finally {
      bystander.destroy()
      const grownMb = ((broker.residentMb() ?? 0) - residentMbBefore).toFixed(0)
      process.stdout.write(
        `fuzz of the doors: seed ${SEED}, ${attacks} attacks, longest wait of the bystander ${bystander.longestMs.toFixed(0)} ms, ${grownMb} MiB more\n`,
      )
    }
  },
  SECONDS * 1000 + 120_000,
)
