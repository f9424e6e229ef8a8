/** Whether the broker is well: rabbitmq-diagnostics' checks, each of which fails with 69. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { apiPath, type BrokerClient } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'
import { brokerOverview, type ListenerRow } from './broker-facts.ts'

/** A health check of the management API: 200, or 503 with what is wrong. */
async function check(broker: BrokerClient, path: string): Promise<void> {
  await broker.get(`/health/checks${path}`)
}

/** What `check` asks for, all of it. */
const ALL = ['/warnings', '/virtual-hosts', '/certificate-expiration/7/days'] as const

async function checkAll({ broker }: VerbCall): Promise<Output> {
  const problems: string[] = []
  for (const path of ALL) {
    await check(broker, path).catch((error: unknown) => {
      if (!(error instanceof CtlFailure) || error.exitCode !== CtlExit.unavailable) throw error
      problems.push(error.message)
    })
  }
  if (problems.length > 0) throw new CtlFailure(CtlExit.unavailable, problems.join('; '))
  return {
    kind: 'done',
    text: 'Nothing is wrong: it serves, no alarm is on, its certificates are good for a week or more',
  }
}

async function ping({ broker }: VerbCall): Promise<Output> {
  await broker.get('/whoami')
  return { kind: 'done', text: 'Ping succeeded' }
}

async function awaitStartup(call: VerbCall): Promise<Output> {
  const endMs = call.timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + call.timeoutMs
  for (;;) {
    try {
      await check(call.broker, '/ready-to-serve-clients')
      return { kind: 'done', text: 'The broker has started' }
    } catch (error) {
      const isDown = error instanceof CtlFailure && error.exitCode === CtlExit.unavailable
      if (!isDown) throw error
      if (performance.now() + AWAIT_MS > endMs)
        throw new CtlFailure(CtlExit.timeout, `the broker has not started within ${call.timeoutMs / 1000} seconds`)
    }
    await sleep(AWAIT_MS)
  }
}

const AWAIT_MS = 100

async function alarms({ broker }: VerbCall): Promise<Output> {
  const { node, memoryAlarm, diskAlarm } = await brokerOverview(broker)
  const found = [...(memoryAlarm ? ['memory'] : []), ...(diskAlarm ? ['disk'] : [])]
  const text = found.map((resource) => `Resource alarm: ${resource}`).join('\n')
  return { kind: 'object', value: { alarms: found, node }, text: text || `Node ${node} reported no alarms` }
}

async function checkPortListener(call: VerbCall): Promise<Output> {
  const port = call.text('port')
  await check(call.broker, apiPath`/port-listener/${port}`)
  return { kind: 'done', text: `A listener for port ${port} is running` }
}

async function checkProtocol(call: VerbCall): Promise<Output> {
  const protocol = call.text('protocol')
  await check(call.broker, apiPath`/protocol-listener/${protocol}`)
  return { kind: 'done', text: `A listener for protocol ${protocol} is running` }
}

async function checkCertificates(call: VerbCall): Promise<Output> {
  const [within, unit] = [call.text('within'), call.text('unit')]
  await check(call.broker, apiPath`/certificate-expiration/${within}/${unit}`)
  return { kind: 'done', text: `No certificate ends within ${within} ${unit}` }
}

async function checkConnectivity(call: VerbCall): Promise<Output> {
  const { listeners } = await brokerOverview(call.broker)
  const failures: string[] = []
  for (const { ip_address: host, port } of listeners) {
    const address = call.optional('address') ?? reachable(host)
    const problem = await connectionProblem(address, port, call.timeoutMs)
    if (problem !== undefined) failures.push(`${address}:${port} (${problem})`)
  }
  if (failures.length > 0) throw new CtlFailure(CtlExit.unavailable, `no connection to ${failures.join(', ')}`)
  return {
    kind: 'done',
    text: `Connected to ${listeners.length} ports: ${listeners.map(({ port }) => port).join(', ')}`,
  }
}

/** An address that stands for all of the machine is no address to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function connectionProblem(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (problem: string | undefined): void => {
      socket.destroy()
      resolve(problem)
    }
    if (timeoutMs > 0) socket.setTimeout(timeoutMs, () => end('it does not answer'))
    socket.once('connect', () => end(undefined))
    socket.once('error', ({ message }) => end(message))
  })
}

async function listListeners({ broker }: VerbCall): Promise<Output> {
  const { node, listeners } = await brokerOverview(broker)
  const line = ({ ip_address, port, protocol }: ListenerRow): string =>
    `Interface: ${ip_address}, port: ${port}, protocol: ${protocol}`
  return {
    kind: 'object',
    value: {
      node,
      listeners: listeners.map(({ ip_address, port, protocol }) => ({ node, interface: ip_address, port, protocol })),
    },
    text: listeners.map(line).join('\n'),
  }
}

const passing = (path: string, text: string): Verb['run'] => {
  return async ({ broker }) => {
    await check(broker, path)
    return { kind: 'done', text }
  }
}

export const HEALTH_VERBS: readonly Verb[] = [
  { name: 'ping', describe: 'check whether the broker answers', run: ping },
  {
    name: 'await_startup',
    describe: 'wait until the broker serves clients, for --timeout seconds at most (default: 300)',
    timeoutSec: 300,
    isEarly: true,
    run: awaitStartup,
  },
  {
    name: 'check',
    describe:
      'check that the broker serves and warns of nothing, that no alarm is on, that no certificate ends in a week',
    run: checkAll,
  },
  {
    name: 'check_running',
    describe: 'check whether the broker serves clients',
    run: passing('/is-in-service', 'The broker is running'),
  },
  {
    name: 'check_local_alarms',
    describe: 'check that no alarm is on',
    run: passing('/local-alarms', 'No alarm is on'),
  },
  { name: 'check_alarms', describe: 'the same as check_local_alarms', run: passing('/alarms', 'No alarm is on') },
  {
    name: 'check_virtual_hosts',
    describe: 'check that all virtual hosts are there',
    run: passing('/virtual-hosts', 'All virtual hosts are running'),
  },
  {
    name: 'check_port_listener',
    args: '<port>',
    describe: 'check whether the broker listens on a port',
    run: checkPortListener,
  },
  {
    name: 'check_port_connectivity',
    describe: 'check that every port of the broker accepts connections',
    options: { address: { type: 'string', requiresArg: true, describe: 'address to connect to' } },
    run: checkConnectivity,
  },
  {
    name: 'check_protocol_listener',
    args: '<protocol>',
    describe: 'check whether the broker listens for a protocol: amqp, amqps, http …',
    run: checkProtocol,
  },
  {
    name: 'check_certificate_expiration',
    describe: 'check that no certificate ends soon (--within, --unit)',
    options: {
      within: { type: 'string', requiresArg: true, default: '4', describe: 'how long they must be valid' },
      unit: {
        type: 'string',
        choices: ['days', 'weeks', 'months', 'years'],
        default: 'weeks',
        describe: 'unit of --within',
      },
    },
    run: checkCertificates,
  },
  { name: 'alarms', describe: 'list the alarms that are on', run: alarms },
  { name: 'listeners', describe: 'list where the broker listens', run: listListeners },
]
