import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type Fetch, HttpListener } from '../../src/http/http-listener.ts'

const SEND_TIMEOUT_MS = 100

async function listening(answer: Fetch): Promise<HttpListener> {
  const listener = new HttpListener({
    protocol: 'http',
    load: async () => answer,
    onFailure: () => {},
    sendTimeoutMs: SEND_TIMEOUT_MS,
  })
  await listener.listen('127.0.0.1', 0)
  onTestFinished(() => listener.close())
  return listener
}

test('a client waits for an answer that takes long', async () => {
  const { address } = await listening(async () => {
    await sleep(5 * SEND_TIMEOUT_MS)
    return new Response('done')
  })
  const response = await fetch(`http://127.0.0.1:${address.port}/`)
  expect(await response.text()).toBe('done')
})

test('a client that sends no more of its request is cut off', async () => {
  const { address } = await listening(async (request) => new Response(await request.text()))
  const socket = connect(address.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc')
  await once(socket, 'close')
})

test('what a client has asked for beyond the answer that it is given is not done once the client has gone', async () => {
  let begun = (_request: Request): void => {}
  const first = new Promise<Request>((resolve) => {
    begun = resolve
  })
  let count = 0
  const { address } = await listening(async (request) => {
    count++
    begun(request)
    await once(request.signal, 'abort')
    return new Response('nobody reads it')
  })
  const socket = connect(address.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3))
  const { signal } = await first
  socket.resetAndDestroy()
  await once(signal, 'abort')
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  expect(count).toBe(1)
})
