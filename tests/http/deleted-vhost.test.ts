import { expect, onTestFinished, test, vi } from 'vitest'
import { Pacer } from '../../src/lib/pacer.ts'
import { ApiClient } from './api-client.ts'

const QUEUES = 10_000
/** More than what all buffers between a list and a client that does not read take up. */
const ARGUMENT = 'x'.repeat(2000)

test.each([
  ['queues', '/queues', 1],
  ['queues, in the order of their names', '/queues?sort=name', 1],
  ['exchanges', '/exchanges', 1],
])('a list is whole when a virtual host goes while it is read: %s', async (_, path, least) => {
  const api = await ApiClient.start()
  onTestFinished(() => api.stop())
  const { broker } = api.started
  broker.declareQueue('stays')
  const other = broker.createVhost('~goes')
  for (let at = 0; at < QUEUES; at++) {
    const options = { arguments: { 'x-any': ARGUMENT } }
    if (path === '/exchanges') other.declareExchange(`${at}`, 'direct', options)
    else other.declareQueue(`${at}`, options)
  }
  const response = await fetch(`${api.url}/api${path}`, {
    headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
  })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const chunks = [await reader.read()]
  broker.deleteVhost('~goes')
  while (chunks.at(-1)?.done !== true) chunks.push(await reader.read())
  const rows: { vhost: string }[] = JSON.parse(
    Buffer.concat(chunks.map(({ value = [] }) => Buffer.from(value))).toString(),
  )
  expect(rows.filter(({ vhost }) => vhost === '/').length).toBeGreaterThanOrEqual(least)
  expect(rows.length).toBeLessThan(QUEUES)
})

test.each(['/queues?page=1&sort=name', '/queues?page=30&page_size=500', '/consumers', '/bindings', '/definitions'])(
  'a virtual host may go while all is looked through: %s',
  async (path) => {
    const api = await ApiClient.start()
    onTestFinished(() => api.stop())
    const { broker } = api.started
    // This one is looked through first, and takes several turns.
    for (let at = 0; at < 20_000; at++) broker.declareQueue(`${at}`)
    broker.createVhost('~goes').declareQueue('any')
    const rest = vi.spyOn(Pacer.prototype, 'rest').mockImplementationOnce(async () => {
      broker.deleteVhost('~goes')
    })
    onTestFinished(() => rest.mockRestore())
    expect((await api.get(path)).status).toBe(200)
    expect(rest).toHaveBeenCalled()
  },
)
