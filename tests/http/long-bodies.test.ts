// Long bodies, and answers about very much, are read and written turn by turn.
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Definitions } from '../../src/http/definitions/definitions.ts'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
})

afterAll(() => api.stop())

const MIB = 1024 * 1024

/** How often others had their turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await work()
  isOver = true
  return turns
}

describe('definitions', () => {
  test('are read turn by turn', async () => {
    const queues = Array.from({ length: 100_000 }, (_, at) => ({ name: `queue ${at}`, vhost: '/', arguments: {} }))
    const bytes = Buffer.from(JSON.stringify({ ignored: queues, queues }))
    let definitions: Definitions | undefined
    expect(
      await turnsDuring(async () => {
        definitions = await Definitions.read(bytes)
      }),
    ).toBeGreaterThan(20)
    expect(definitions?.count('queues')).toBe(100_000)
    expect([...(definitions?.objects('queues') ?? [])]).toEqual(queues)
  })

  test.each(['', 'null', '{}', ' { } ', `${' '.repeat(100)}{}`])('%j are none', async (text) => {
    expect((await Definitions.read(Buffer.from(text))).count('queues')).toBe(0)
  })

  test.each([
    [' ', 'not_json'],
    ['[]', 'not_json'],
    ['1', 'not_json'],
    ['{"queues":[{"name":"q","vhost":"/"}', 'not_json'],
    ['{"queues":[{"name":"q","vhost":"/"]}', 'not_json'],
    ['{"other":[{]}', 'not_json'],
    [
      JSON.stringify(JSON.stringify({ queues: Array.from({ length: 100 }, () => ({ name: 'q', vhost: '/' })) })),
      'doubly',
    ],
    [`{"other":["${'x'.repeat(MIB)}"]}`, 'other has something of more than 1048576 bytes'],
  ])('%.40s are refused', async (text, reason) => {
    await expect(Definitions.read(Buffer.from(text))).rejects.toThrow(reason)
  })

  test('of up to 20 MiB are imported, and longer ones are not', async () => {
    const space = ' '.repeat(18 * MIB)
    const definitions = (name: string, more: string): string => `{"queues":[{"name":"${name}","vhost":"/"}]${more}}`
    expect((await api.request('POST', '/definitions', undefined, { raw: definitions('long', space) })).status).toBe(204)
    const reply = await api.request('POST', '/definitions', undefined, { raw: definitions('longer', space + space) })
    expect([reply.status, reply.body?.reason]).toEqual([400, 'Exceeded HTTP request body size limit'])
    expect(['long', 'longer'].map((name) => api.started.broker.inventory.hasQueue(name))).toEqual([true, false])
  })
})

describe('other bodies', () => {
  test('have a mebibyte', async () => {
    const raw = (length: number): string => `{"arguments":{"text":"${'x'.repeat(length)}"}}`
    const put = (length: number) => api.request('PUT', '/queues/%2F/wordy', undefined, { raw: raw(length) })
    const reply = await put(MIB)
    expect([reply.status, reply.body?.reason]).toEqual([400, 'Exceeded HTTP request body size limit'])
    expect((await put(MIB - 100)).status).toBe(201)
  })

  test('of messages are longer by their payload alone', async () => {
    const message = (payload: string, headers: object) => ({
      properties: { headers },
      routing_key: 'wordy',
      payload,
      payload_encoding: 'string',
    })
    const publish = (body: object) => api.post('/exchanges/%2F/amq.default/publish', body)
    expect((await publish(message('x'.repeat(15 * MIB), {}))).status).toBe(200)
    const list = Array.from({ length: MIB }, () => 0)
    const names = Object.fromEntries(Array.from({ length: MIB / 10 }, (_, at) => [`name ${at}`, '']))
    for (const body of [message('x', { list }), { ...message('x', {}), ...names }, { ...names, ...message('x', {}) }]) {
      const reply = await publish(body)
      expect([reply.status, reply.body?.reason]).toEqual([400, 'Exceeded HTTP request body size limit'])
    }
  })
})

describe('a queue with very many consumers', () => {
  const COUNT = 3000

  test('is shown piece by piece, and so is its channel', async () => {
    const connection = await connect(api.started.url)
    onTestFinished(() => connection.close())
    const channel = await connection.createChannel()
    await channel.assertQueue('busy')
    await Promise.all(
      Array.from({ length: COUNT }, (_, at) => channel.consume('busy', () => {}, { consumerTag: `${at}` })),
    )
    const { body, headers } = await api.get('/queues/%2F/busy')
    const tags: string[] = body.consumer_details.map(({ consumer_tag: tag }: { consumer_tag: string }) => tag)
    expect(new Set(tags).size).toBe(COUNT)
    expect(body.deliveries).toHaveLength(COUNT)
    // How long a stream becomes is not known when it begins.
    expect(headers.get('content-length')).toBe(null)
    const [{ name }] = (await api.get('/channels')).body
    const { body: shown, headers: shownHeaders } = await api.get(`/channels/${encodeURIComponent(name)}`)
    expect([shown.consumer_details.length, shown.deliveries.length]).toEqual([COUNT, COUNT])
    expect(shownHeaders.get('content-length')).toBe(null)
    expect((await api.get('/queues/%2F/busy?columns=name')).headers.get('content-length')).not.toBe(null)
    const { body: some } = await api.get('/queues/%2F/busy?columns=name,consumer_details.consumer_tag')
    expect(some).toEqual({ name: 'busy', consumer_details: tags.map((tag) => ({ consumer_tag: tag })) })
  })
})
