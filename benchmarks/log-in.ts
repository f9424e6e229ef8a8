import { once } from 'node:events'
import { connect } from 'node:net'
import { parseArgs } from 'node:util'
import { PROTOCOL_HEADER } from '../protocol/constants.ts'
import { encodeMethodFrame } from '../protocol/method-codec.ts'
import { processUsage } from '../src/perf/process-usage.ts'
import { LeveretProcess } from './compare/leveret-process.ts'
import { canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import { environmentLine } from './environment.ts'
import { numberOption } from './options.ts'

// npm run bench:log-in -- [--seconds N] [--at-once N] [--json]
//
// How many clients a second can connect over TCP, log in with PLAIN, open the virtual host and close in order. The broker has
// processor 0, the clients have processor 1. The password is hashed by scrypt, as it is unless the broker is told otherwise.

const OPEN_OK = Buffer.from(encodeMethodFrame(0, 'connection.open-ok', {}).subarray(7, 11))
const CLOSE_OK = Buffer.from(encodeMethodFrame(0, 'connection.close-ok', {}).subarray(7, 11))
const CLOSE = encodeMethodFrame(0, 'connection.close', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 })
/** All that a client says until it is in, in one write. */
const LOGIN = Buffer.concat([
  PROTOCOL_HEADER,
  encodeMethodFrame(0, 'connection.start-ok', {
    clientProperties: new Map(),
    mechanism: 'PLAIN',
    response: '\0guest\0guest',
    locale: 'en_US',
  }),
  encodeMethodFrame(0, 'connection.tune-ok', { channelMax: 10, frameMax: 131_072, heartbeat: 0 }),
  encodeMethodFrame(0, 'connection.open', { virtualHost: '/' }),
])

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '5' },
      'at-once': { type: 'string', default: '32' },
      json: { type: 'boolean', default: false },
    },
  })
  const seconds = numberOption('seconds', values.seconds, 0.1, 3600)
  const atOnce = numberOption('at-once', values['at-once'], 1, 1000)
  const pins = canPin()
  if (pins) pinProcess(process.pid, GENERATOR_PROCESSOR)
  const broker = await LeveretProcess.start(pins)
  try {
    const port = Number(new URL(broker.url).port)
    await run(port, atOnce, 1)
    const before = processUsage(broker.pid).cpuSeconds
    const connections = await run(port, atOnce, seconds)
    const cpuSeconds = processUsage(broker.pid).cpuSeconds - before
    const perSecond = Math.round(connections / seconds)
    const cpuUs = Math.round((cpuSeconds / connections) * 1e6)
    if (values.json) console.log(JSON.stringify({ environment: environmentLine(), perSecond, cpuUs }))
    else console.log(`${environmentLine()}\n${perSecond} connections/s, ${cpuUs} µs of the broker's processor each`)
  } finally {
    await broker.kill()
  }
}

/** How many connections were made, and closed again, by so many clients at a time. */
async function run(port: number, atOnce: number, seconds: number): Promise<number> {
  const endsAtMs = performance.now() + seconds * 1000
  let connections = 0
  const client = async (): Promise<void> => {
    while (performance.now() < endsAtMs) {
      await logInAndOut(port)
      connections++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))
  return connections
}

async function logInAndOut(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  let received = Buffer.alloc(0)
  let isClosing = false
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    if (!isClosing && received.includes(OPEN_OK)) {
      isClosing = true
      socket.write(CLOSE)
    } else if (isClosing && received.includes(CLOSE_OK)) socket.end()
  })
  socket.write(LOGIN)
  await once(socket, 'close')
  if (!isClosing) throw new Error('the broker did not let the client in')
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
