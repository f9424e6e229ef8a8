import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CONNECTION_VERBS } from '../../src/cli/ctl/verbs/connection-verbs.ts'
import { DEFINITION_VERBS } from '../../src/cli/ctl/verbs/definition-verbs.ts'
import { LIST_VERBS } from '../../src/cli/ctl/verbs/list-verbs.ts'
import { PROCESS_VERBS } from '../../src/cli/ctl/verbs/process-verbs.ts'
import { CtlBroker, commandsOf } from './ctl-broker.ts'

let broker: CtlBroker

beforeAll(async () => {
  broker = await CtlBroker.start()
})
afterAll(() => broker.stop())

/** Every command that a test below runs is in `tested`. */
const { tested, lines, json, run } = commandsOf(() => broker)

describe('connections', () => {
  /** A client, and what the broker has closed it with. */
  async function client() {
    const connection = await connect(broker.started.url)
    const closed = new Promise<string>((resolve) => {
      connection.once('close', (error?: Error) => resolve(error?.message ?? ''))
    })
    onTestFinished(() => connection.close().catch(() => {}))
    return { connection, closed }
  }

  test('are listed with their channels and consumers', async () => {
    const { connection } = await client()
    const channel = await connection.createChannel()
    await channel.assertQueue('work', { durable: false, exclusive: true })
    await channel.consume('work', () => {}, { consumerTag: 'me' })
    expect(await lines('list_connections', 'user', 'vhost', 'channels', 'state')).toEqual([
      'user\tvhost\tchannels\tstate',
      'guest\t/\t1\trunning',
    ])
    expect(await json('list_channels', 'connection', 'number', 'consumer_count')).toMatchObject([
      { number: 1, consumer_count: 1 },
    ])
    expect(await json('list_consumers')).toMatchObject([{ queue_name: 'work', consumer_tag: 'me', ack_required: true }])
  })

  test('are closed by name, and the client is told why', async () => {
    const { closed } = await client()
    const [{ pid }] = (await json('list_connections', 'pid')) as [{ pid: string }]
    await lines('close_connection', pid, 'time to go')
    expect(await closed).toContain('time to go')
    expect(await run('close_connection', pid, 'again')).toMatchObject({ code: 65 })
  })

  test('are closed all, those of a user or those of a virtual host', async () => {
    const first = [await client(), await client()]
    expect(await json('close_all_connections', 'all of you', '--limit', '1', '--per-connection-delay', '1')).toEqual({
      closed: 1,
    })
    expect(await json('close_all_connections', 'all of you')).toEqual({ closed: 1 })
    for (const { closed } of first) expect(await closed).toContain('all of you')
    const second = await client()
    expect(await json('close_all_connections', '-p', 'other', 'x')).toEqual({ closed: 0 })
    await lines('close_all_user_connections', 'guest', 'you, too')
    expect(await second.closed).toContain('you, too')
  })
})

describe('definitions', () => {
  test('go to a file and come back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'leveret-definitions-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'definitions.json')
    broker.started.broker.declareQueue('kept')
    await lines('export_definitions', file)
    expect((statSync(file).mode & 0o777).toString(8), 'it has hashes').toBe('600')
    chmodSync(file, 0o640)
    await lines('export_definitions', file)
    expect((statSync(file).mode & 0o777).toString(8), 'the operator has chosen it').toBe('640')
    broker.started.reset()
    await lines('import_definitions', file)
    expect(await lines('list_queues', 'name')).toEqual(['name', 'kept'])
    broker.started.reset()
    expect((await broker.run(['import_definitions'], readFileSync(file, 'utf8'))).code).toBe(0)
    expect(await lines('list_queues', 'name')).toEqual(['name', 'kept'])
    const [printed = ''] = await lines('export_definitions', '-', '-p', '/')
    expect(JSON.parse(printed)).toMatchObject({ queues: [{ name: 'kept' }] })
    broker.started.reset()

    writeFileSync(file, 'no JSON')
    expect(await run('import_definitions', file)).toMatchObject({ code: 65 })
    expect(await run('import_definitions', join(folder, 'none'))).toMatchObject({ code: 65 })
    expect(await run('export_definitions', join(folder, 'none', 'none'))).toMatchObject({ code: 65 })
  })
})

describe('the process', () => {
  test('reads its options again', async () => {
    broker.process.report = { applied: ['log-level'], needRestart: ['port'], problems: [] }
    expect(await json('reload')).toEqual({ applied: ['log-level'], need_restart: ['port'] })
    broker.process.report = { applied: [], needRestart: [], problems: ['port is none'] }
    expect(await run('reload')).toMatchObject({ code: 65, errors: 'Error: nothing was changed: port is none' })
  })

  test('shows its log, and further lines as they come', async () => {
    expect(await lines('log_tail', '-N', '2')).toEqual(['second', 'third'])
    broker.process.onFollow = () => {
      for (const follower of broker.process.followers) for (const line of ['fourth\n', '\n', 'fifth\n']) follower(line)
    }
    expect(await lines('log_tail_stream', '--duration', '1')).toEqual(['fourth', 'fifth'])
    await expect.poll(() => broker.process.followers.size).toBe(0)
  })

  test('shows the options that it runs with', async () => {
    expect(await lines('environment')).toEqual(['port = 5672', '# default_pass is hidden'])
    expect(await json('environment')).toEqual({ port: '5672' })
  })

  test.each(['stop', 'shutdown'])('is stopped by %s, which waits until it has gone', async (verb) => {
    tested.add(verb)
    const own = await CtlBroker.start()
    own.process.onStop = () => void own.stop()
    expect(await own.run([verb])).toMatchObject({ code: 0 })
    expect(own.process.stops).toBe(1)
    expect(await own.run(['ping'])).toMatchObject({
      code: 69,
      errors: expect.stringContaining('there is no such socket'),
    })
  })
})

const HERE = [...LIST_VERBS, ...CONNECTION_VERBS, ...DEFINITION_VERBS, ...PROCESS_VERBS]
/** In `ctl-verbs.test.ts` and `live-backup.test.ts`. */
const ELSEWHERE = ['backup', 'list_queues', 'list_exchanges', 'list_bindings', 'list_vhosts']

test('every command of these was run by a test', () => {
  const missing = HERE.map(({ name }) => name).filter((name) => !tested.has(name))
  expect(missing.filter((name) => !ELSEWHERE.includes(name))).toEqual([])
})
