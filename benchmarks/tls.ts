import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Broker, Generator, type Load } from './compare/generator.ts'
import { LEVERET, LeveretProcess } from './compare/leveret-process.ts'
import { canPin } from './compare/pinning.ts'
import { environmentLine } from './environment.ts'
import { temporaryFolder } from './leftovers.ts'
import { numberOption } from './options.ts'

// npm run bench:tls -- [--against amqps://guest:guest@localhost:5671 --against-pid PID] [--certificate FILE --key FILE]
//
// What TLS 1.3 costs: the same load on one Leveret over plain TCP and over TLS in turn, and on another broker over TLS. The
// other broker has to show the same certificate.

const LOADS: readonly Load[] = [
  { name: '1 → 1, no ack, 1 KiB', options: ['--size', '1024'] },
  {
    name: '1 → 1, 1000 confirms, every message acked, 1 KiB',
    options: ['--size', '1024', '--confirm', '1000', '--ack-every', '1', '--prefetch', '1000'],
  },
  { name: '1 → 1, no ack, 64 KiB', options: ['--size', '65536'] },
]

function readArguments() {
  const { values } = parseArgs({
    options: {
      against: { type: 'string' },
      'against-pid': { type: 'string' },
      certificate: { type: 'string' },
      key: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
    },
  })
  const pid = values['against-pid']
  return {
    against: values.against,
    againstPid: pid === undefined ? undefined : numberOption('against-pid', pid, 1, 2 ** 31),
    files:
      values.certificate === undefined || values.key === undefined
        ? makeCertificate()
        : ([values.certificate, values.key] as const),
    rounds: numberOption('rounds', values.rounds, 1, 100),
    seconds: numberOption('seconds', values.seconds, 1, 3600),
  }
}

function makeCertificate(): readonly [string, string] {
  const folder = temporaryFolder(tmpdir())
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  })
  return [certificate, key]
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number } // it listens on a port
  await new Promise((resolve) => server.close(resolve))
  return port
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

const plan = readArguments()
const [certificate, key] = plan.files
process.env.NODE_EXTRA_CA_CERTS = certificate // the load generator gets it
const tlsPort = await freePort()
const pins = canPin()
const leveret = await LeveretProcess.start(pins, undefined, LEVERET, [
  ...['--tls-port', String(tlsPort), '--tls-cert', certificate, '--tls-key', key],
])
const generator = new Generator()
const brokers: [string, Broker][] = [
  ['plain TCP', leveret],
  ['TLS', { url: `amqps://guest:guest@127.0.0.1:${tlsPort}/`, pid: leveret.pid }],
]
if (plan.against !== undefined) brokers.push(['the other broker, TLS', { url: plan.against, pid: plan.againstPid }])
console.log(environmentLine())
try {
  for (const load of LOADS) {
    const rates = new Map<string, number[]>(brokers.map(([name]) => [name, []]))
    const costs = new Map<string, number[]>(brokers.map(([name]) => [name, []]))
    for (let round = 0; round < plan.rounds; round++) {
      for (const [name, broker] of brokers) {
        const report = await generator.run(load, broker, { seconds: plan.seconds, warmupSeconds: 1 }, pins)
        rates.get(name)?.push(report.consumed.perSecond)
        costs.get(name)?.push(report.brokerProcess?.cpuUsPerMessage ?? Number.NaN)
      }
    }
    const plain = median(rates.get('plain TCP') ?? [])
    for (const [name, found] of rates) {
      const rate = median(found)
      const cost = median(costs.get(name) ?? []).toFixed(2)
      console.log(
        `${load.name}: ${name}: ${Math.round(rate)} messages/s, ${(rate / plain).toFixed(2)} of plain TCP, ${cost} µs of the broker's processor each`,
      )
    }
  }
} finally {
  await leveret.stop()
}
