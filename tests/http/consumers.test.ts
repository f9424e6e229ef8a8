import { type Channel, type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Pacer } from '../../src/lib/pacer.ts'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
})

afterAll(() => api.stop())

interface Client {
  readonly channel: Channel
  /** Resolves when the broker has ended the consumer. */
  readonly cancelled: Promise<void>
  readonly path: string
}

async function consumer(queue: string, tag: string, options: { readonly user?: string } = {}): Promise<Client> {
  const url = new URL(api.started.url)
  url.username = options.user ?? 'guest'
  url.password = options.user ?? 'guest'
  const connection: ChannelModel = await connect(url.href)
  onTestFinished(() => connection.close())
  const channel = await connection.createChannel()
  let end = (): void => {}
  const cancelled = new Promise<void>((resolve) => {
    end = resolve
  })
  await channel.consume(queue, (message) => (message === null ? end() : undefined), { consumerTag: tag })
  const [shown] = (await api.get('/consumers')).body.filter((one: { consumer_tag: string }) => one.consumer_tag === tag)
  const { connection_name: name, number } = shown.channel_details
  return { channel, cancelled, path: `/consumers/%2F/${encodeURIComponent(name)}/${number}/${encodeURIComponent(tag)}` }
}

describe('a consumer', () => {
  test('is ended, its client is told, and what it has not settled stays with its channel', async () => {
    await api.put('/queues/%2F/q')
    const { channel, cancelled, path } = await consumer('q', 'a/b ü')
    channel.sendToQueue('q', Buffer.from('x'))
    const unacked = async () => (await api.get('/queues/%2F/q')).body.messages_unacknowledged
    await expect.poll(unacked).toBe(1)
    expect((await api.delete(path)).status).toBe(204)
    await cancelled
    const queue = (await api.get('/queues/%2F/q')).body
    expect(queue).toMatchObject({ consumers: 0, messages_unacknowledged: 1 })
    expect((await api.delete(path)).status).toBe(404)
    await channel.consume('q', () => {}, { consumerTag: 'a/b ü' })
    channel.ackAll()
    await expect.poll(unacked).toBe(0)
  })

  test('that is the last one of an auto-delete queue takes it along', async () => {
    await api.put('/queues/%2F/brief', { auto_delete: true })
    const { cancelled, path } = await consumer('brief', 'last')
    expect((await api.delete(path)).status).toBe(204)
    await cancelled
    expect((await api.get('/queues/%2F/brief')).status).toBe(404)
  })

  test('is not ended by other users, or by names that it does not have', async () => {
    await api.put('/queues/%2F/mine')
    for (const user of ['owner', 'other']) {
      await api.put(`/users/${user}`, { password: user, tags: 'management' })
      await api.put(`/permissions/%2F/${user}`, { configure: '.*', write: '.*', read: '.*' })
    }
    const { cancelled, path } = await consumer('mine', 't', { user: 'owner' })
    expect((await api.delete(path, { login: 'other:other' })).status).toBe(401)
    expect((await api.delete(path.replace(/1\/t$/, '2/t'))).status).toBe(404)
    expect((await api.delete(path.replace(/1\/t$/, 'x/t'))).status).toBe(400)
    expect((await api.delete(path.replace(/t$/, 'u'))).status).toBe(404)
    expect((await api.get('/queues/%2F/mine')).body.consumers).toBe(1)
    expect((await api.delete(path, { login: 'owner:owner' })).status).toBe(204)
    await cancelled
  })

  test('is found although queues before its own are deleted while it is looked for', async () => {
    await api.put('/queues/%2F/first')
    await api.put('/queues/%2F/second')
    await consumer('first', 'of the first')
    const { cancelled, path } = await consumer('second', 'of the second')
    vi.spyOn(Pacer.prototype, 'isDue', 'get').mockReturnValue(true)
    const { broker } = api.started.server
    const names = Array.from(broker.inventory.queueFigures(), ({ name }) => name)
    // It goes when its turn has come.
    const rest = vi.spyOn(Pacer.prototype, 'rest').mockImplementation(async () => {
      if (names.shift() === 'first') broker.deleteQueue('first')
    })
    onTestFinished(() => void vi.restoreAllMocks())
    expect((await api.delete(path)).status).toBe(204)
    expect(rest).toHaveBeenCalled()
    await cancelled
  })
})
