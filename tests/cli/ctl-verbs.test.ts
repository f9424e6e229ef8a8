import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { HEALTH_VERBS } from '../../src/cli/ctl/verbs/health-verbs.ts'
import { POLICY_VERBS } from '../../src/cli/ctl/verbs/policy-verbs.ts'
import { QUEUE_VERBS } from '../../src/cli/ctl/verbs/queue-verbs.ts'
import { STATUS_VERBS } from '../../src/cli/ctl/verbs/status-verbs.ts'
import { USER_VERBS } from '../../src/cli/ctl/verbs/user-verbs.ts'
import { VHOST_VERBS } from '../../src/cli/ctl/verbs/vhost-verbs.ts'
import { leveretVersion, RABBITMQ_VERSION } from '../../src/lib/version.ts'
import { CtlBroker, commandsOf, ctl } from './ctl-broker.ts'

const NODE = `leveret@${hostname()}`
let broker: CtlBroker

beforeAll(async () => {
  broker = await CtlBroker.start()
})
afterAll(() => broker.stop())

/** Every command that a test below runs is in `tested`. */
const { tested, lines, json, run } = commandsOf(() => broker)

describe('the broker', () => {
  test('tells how it is', async () => {
    expect(await json('status')).toMatchObject({
      pid: process.pid,
      rabbitmq_version: RABBITMQ_VERSION,
      leveret_version: leveretVersion(),
      alarms: [],
      totals: { virtual_host_count: 1 },
      listeners: [{ node: NODE, interface: '127.0.0.1', port: broker.started.port, protocol: 'amqp' }],
    })
    expect(await lines('status')).toContain(`OS PID: ${process.pid}`)
    expect(await json('cluster_status')).toMatchObject({ running_nodes: [NODE], disk_nodes: [NODE], partitions: {} })
    expect(await lines('version')).toEqual([leveretVersion()])
    expect(await lines('server_version')).toEqual([RABBITMQ_VERSION])
    expect(await lines('memory_breakdown')).toEqual([expect.stringMatching(/^\w+: .* \(100%\)$/)])
    expect(await lines('list_feature_flags')).toContain('quorum_queue_non_voters\tenabled')
  })

  test('is given another name', async () => {
    await lines('set_cluster_name', 'rabbit@hutch')
    expect(await json('cluster_status')).toMatchObject({ cluster_name: 'rabbit@hutch' })
  })

  test.each([
    ['ping'],
    ['await_startup'],
    ['check'],
    ['check_running'],
    ['check_local_alarms'],
    ['check_alarms'],
    ['check_virtual_hosts'],
    ['check_protocol_listener', 'amqp'],
    ['check_certificate_expiration', '--within', '2', '--unit', 'months'],
    ['check_port_connectivity'],
    ['alarms'],
  ])('is well: %s', async (verb, ...args) => {
    expect(await run(verb, ...args)).toMatchObject({ code: 0, errors: '' })
  })

  test('says where it listens', async () => {
    const { port } = broker.started
    expect(await lines('listeners')).toEqual([`Interface: 127.0.0.1, port: ${port}, protocol: amqp`])
    expect(await run('check_port_listener', String(port))).toMatchObject({ code: 0 })
    expect(await run('check_port_listener', '1')).toMatchObject({ code: 69, errors: 'Error: No active listener' })
    expect(await run('check_port_connectivity', '--address', '127.0.0.2')).toMatchObject({ code: 69 })
  })

  test('whose alarm is on fails the checks', async () => {
    broker.started.blockPublishers()
    onTestFinished(() => broker.started.unblockPublishers())
    const warning = 'Error: low on memory: publishers are blocked'
    expect(await run('check')).toMatchObject({ code: 69, errors: warning })
    for (const verb of ['check_alarms', 'check_local_alarms'])
      expect(await run(verb), verb).toMatchObject({ code: 69, errors: 'Error: resource alarm(s) in effect' })
    expect(await lines('alarms')).toEqual(['Resource alarm: memory'])
    expect(await json('status')).toMatchObject({ alarms: ['memory'] })
  })
})

describe('users', () => {
  const known = async (name: string, password: string): Promise<boolean> =>
    (await run('authenticate_user', name, password)).code === 0

  test('come, change and go', async () => {
    await lines('add_user', 'ann', 'secret')
    expect(await lines('list_users')).toEqual(['user\ttags', 'ann\t[]', 'guest\t[administrator]'])
    expect([await known('ann', 'secret'), await known('ann', 'wrong')]).toEqual([true, false])

    await lines('set_user_tags', 'ann', 'monitoring', 'policymaker')
    expect(await json('list_users')).toContainEqual({ user: 'ann', tags: ['monitoring', 'policymaker'] })
    expect(await known('ann', 'secret'), 'tags leave the password as it is').toBe(true)

    await lines('change_password', 'ann', 'other')
    expect([await known('ann', 'secret'), await known('ann', 'other')]).toEqual([false, true])
    expect(await json('list_users')).toContainEqual({ user: 'ann', tags: ['monitoring', 'policymaker'] })

    await lines('clear_password', 'ann')
    expect(await known('ann', 'other')).toBe(false)
    await lines('delete_user', 'ann')
    expect(await lines('list_users')).toEqual(['user\ttags', 'guest\t[administrator]'])
  })

  test('get the password of the line on standard input', async () => {
    expect((await broker.run(['add_user', 'bob'], 'from a file\n')).code).toBe(0)
    expect(await known('bob', 'from a file')).toBe(true)
    await lines('delete_user', 'bob')
  })

  test('may have names and passwords that begin with a dash', async () => {
    const dashed = (verb: string, ...args: readonly string[]) =>
      ctl([verb, '--ctl-socket', broker.socket, '--', ...args]).then(({ code }) => code)
    expect(await dashed('add_user', '-dash', '--secret')).toBe(0)
    expect(await dashed('authenticate_user', '-dash', '--secret')).toBe(0)
    expect(await dashed('delete_user', '-dash')).toBe(0)
  })

  test('that are there are not added again, and keep their password', async () => {
    expect(await run('add_user', 'guest', 'x')).toMatchObject({
      code: 70,
      errors: 'Error: user "guest" exists already',
    })
    expect(await known('guest', 'guest')).toBe(true)
  })

  test.each([
    ['delete_user', 'nobody'],
    ['change_password', 'nobody', 'x'],
    ['clear_password', 'nobody'],
    ['set_user_tags', 'nobody', 'administrator'],
    ['set_user_limits', 'nobody', '{}'],
    ['clear_user_limits', 'nobody', 'all'],
    ['list_user_limits', '--user', 'nobody'],
    ['list_user_permissions', 'nobody'],
    ['set_permissions', 'nobody', '', '', ''],
    ['close_all_user_connections', 'nobody', 'why'],
  ])('that are not there: %s fails with 67', async (verb, ...args) => {
    expect(await run(verb, ...args)).toMatchObject({ code: 67, errors: 'Error: user "nobody" does not exist' })
  })

  test('have limits', async () => {
    await lines('set_user_limits', 'guest', '{"max-connections": 7, "max-channels": 8}')
    expect(await lines('list_user_limits', '--user', 'guest')).toEqual([
      'limits',
      '{"max-connections":7,"max-channels":8}',
    ])
    await lines('clear_user_limits', 'guest', 'max-channels')
    expect(await lines('list_user_limits', '--global')).toEqual(['user\tlimits', 'guest\t{"max-connections":7}'])
    await lines('clear_user_limits', 'guest', 'all')
    expect(await json('list_user_limits')).toEqual([])
  })

  test('have passwords that are printed as hashes', async () => {
    expect(await lines('hash_password', 'secret')).toEqual([expect.stringMatching(/^[A-Za-z0-9+/]{48}$/)])
  })
})

describe('virtual hosts', () => {
  test('come and go', async () => {
    await lines('add_vhost', 'a/b', '--description', 'for tests', '--tags', 'x,y', '--default-queue-type', 'quorum')
    expect(await lines('list_vhosts', 'name', 'description', 'tags', 'default_queue_type')).toEqual([
      'name\tdescription\ttags\tdefault_queue_type',
      '/\t\t[]\tclassic',
      'a/b\tfor tests\t[x, y]\tquorum',
    ])
    expect(await json('list_permissions', '-p', 'a/b'), 'nobody was given anything').toEqual([])
    await lines('delete_vhost', 'a/b')
    expect(await lines('list_vhosts')).toEqual(['name', '/'])
    expect(await run('delete_vhost', 'a/b')).toMatchObject({
      code: 65,
      errors: "Error: virtual host 'a/b' does not exist",
    })
  })

  test('have limits', async () => {
    await lines('set_vhost_limits', '{"max-queues": 5}')
    await lines('set_vhost_limits', '{"max-connections": 9}')
    expect(await lines('list_vhost_limits')).toEqual(['limits', '{"max-connections":9}'])
    expect(await lines('list_vhost_limits', '--global')).toEqual(['vhost\tlimits', '/\t{"max-connections":9}'])
    expect(await lines('list_parameters')).toEqual([
      'component\tname\tvalue',
      'vhost-limits\tlimits\t{"max-connections":9}',
    ])
    await lines('clear_vhost_limits')
    await lines('clear_vhost_limits')
    expect(await json('list_vhost_limits')).toEqual([])
  })

  test('let users do something', async () => {
    await lines('add_user', 'eve', 'x')
    onTestFinished(async () => void (await lines('delete_user', 'eve')))
    await lines('set_permissions', 'eve', '^eve', '.*', '')
    expect(await lines('list_permissions')).toContain('eve\t^eve\t.*\t')
    expect(await lines('list_user_permissions', 'eve')).toEqual(['vhost\tconfigure\twrite\tread', '/\t^eve\t.*\t'])
    for (const exchange of ['amq.topic', 'other']) await lines('set_topic_permissions', 'eve', exchange, '^a', '^b')
    expect(await lines('list_topic_permissions')).toEqual([
      'user\texchange\twrite\tread',
      'eve\tamq.topic\t^a\t^b',
      'eve\tother\t^a\t^b',
    ])
    await lines('clear_topic_permissions', 'eve', 'other')
    expect(await json('list_user_topic_permissions', 'eve')).toEqual([
      { vhost: '/', exchange: 'amq.topic', write: '^a', read: '^b' },
    ])
    await lines('clear_topic_permissions', 'eve')
    expect(await json('list_topic_permissions')).toEqual([])
    await lines('clear_permissions', 'eve')
    expect(await json('list_user_permissions', 'eve')).toEqual([])
  })
})

describe('policies and parameters', () => {
  test.each([
    ['set_policy', 'list_policies', 'clear_policy'],
    ['set_operator_policy', 'list_operator_policies', 'clear_operator_policy'],
  ])('%s', async (set, list, clear) => {
    await lines(set, 'p', '^q', '{"max-length": 5}', '--priority', '3', '--apply-to', 'queues')
    expect(await lines(list)).toEqual([
      'vhost\tname\tpattern\tapply-to\tdefinition\tpriority',
      '/\tp\t^q\tqueues\t{"max-length":5}\t3',
    ])
    await lines(clear, 'p')
    expect(await json(list)).toEqual([])
    expect(await run(clear, 'p')).toMatchObject({ code: 65 })
    expect(await run(set, 'p', '^q', '{"no-such-key": 5}')).toMatchObject({ code: 65 })
  })

  test('of a virtual host', async () => {
    await lines('set_parameter', 'operator_policy', 'p', '{"pattern": "x", "definition": {"max-length": 1}}')
    expect(await json('list_parameters')).toMatchObject([{ component: 'operator_policy', name: 'p' }])
    await lines('clear_parameter', 'operator_policy', 'p')
    expect(await json('list_parameters')).toEqual([])
  })

  test('of the server', async () => {
    await lines('set_global_parameter', 'colour', '{"of": ["the", "sky"]}')
    expect(await lines('list_global_parameters')).toContain('colour\t{"of":["the","sky"]}')
    await lines('clear_global_parameter', 'colour')
    expect(JSON.stringify(await json('list_global_parameters'))).not.toContain('colour')
  })
})

describe('queues', () => {
  test('are listed with the columns that are asked for', async () => {
    const { broker: embedded } = broker.started
    embedded.declareQueue('jobs', { arguments: { 'x-max-length': 10 } })
    embedded.publish('', 'jobs', 'one')
    onTestFinished(() => broker.started.reset())
    expect(await lines('list_queues')).toEqual(['name\tmessages', 'jobs\t1'])
    expect(await lines('list_queues', 'name', 'durable', 'arguments', 'consumers', 'policy')).toEqual([
      'name\tdurable\targuments\tconsumers\tpolicy',
      'jobs\ttrue\t[{"x-max-length",10}]\t0\t',
    ])
    expect(await json('list_queues', '--offline')).toEqual([])
    expect(await lines('list_exchanges')).toContain('amq.topic\ttopic')
    embedded.bindQueue('jobs', 'amq.topic', 'a.#')
    expect(await lines('list_bindings')).toContain('amq.topic\texchange\tjobs\tqueue\ta.#\t[]')
  })

  test('are looked into, emptied, moved and removed', async () => {
    const { broker: embedded } = broker.started
    onTestFinished(() => broker.started.reset())
    for (const name of ['from', 'to']) embedded.declareQueue(name)
    for (const text of ['one', 'two', 'three']) embedded.publish('', 'from', text)
    expect(await json('peek', 'from', '--count', '2')).toMatchObject([
      { routing_key: 'from', payload: 'one' },
      { payload: 'two' },
    ])
    expect(await lines('move', 'from', 'to', '--count', '2')).toEqual([
      "Moved 2 messages from queue 'from' to queue 'to'",
    ])
    expect(await lines('list_queues')).toEqual(['name\tmessages', 'from\t1', 'to\t2'])
    await lines('purge_queue', 'to')
    expect(await run('delete_queue', 'from', '--if-empty')).toMatchObject({ code: 65 })
    await lines('delete_queue', 'to', '-e', '-u')
    expect(await lines('list_queues')).toEqual(['name\tmessages', 'from\t1'])
  })

  test('are paused and resumed', async () => {
    broker.started.broker.declareQueue('q')
    onTestFinished(() => broker.started.reset())
    await lines('pause', 'q')
    expect(broker.started.broker.queueInfo('q')?.paused).toBe(true)
    await lines('resume', 'q')
    expect(broker.started.broker.queueInfo('q')?.paused).toBe(false)
  })

  test.each([
    ['purge_queue', 'no'],
    ['delete_queue', 'no'],
    ['peek', 'no'],
    ['move', 'no', 'no'],
    ['pause', 'no'],
    ['resume', 'no'],
  ])('that are not there: %s fails with 65', async (verb, ...args) => {
    expect(await run(verb, ...args)).toMatchObject({ code: 65, errors: "Error: no queue 'no' in vhost '/'" })
  })
})

const HERE = [...STATUS_VERBS, ...HEALTH_VERBS, ...QUEUE_VERBS, ...USER_VERBS, ...VHOST_VERBS, ...POLICY_VERBS]

test('every command of these was run by a test', () => {
  expect(HERE.map(({ name }) => name).filter((name) => !tested.has(name))).toEqual([])
})
