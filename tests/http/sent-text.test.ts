import { once } from 'node:events'
import { createServer, get, IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { sendText } from '../../src/http/metrics/sent-text.ts'

/** Answers a request; resolves with the answer's beginning, and what became of the sending. */
async function asked(
  pieces: Iterable<string | Uint8Array>,
): Promise<{ readonly response: IncomingMessage; readonly answer: ServerResponse; readonly sent: Promise<unknown> }> {
  let begun = (_answer: ServerResponse, _sent: Promise<unknown>): void => {}
  const sending = new Promise<{ answer: ServerResponse; sent: Promise<unknown> }>((resolve) => {
    begun = (answer, sent) => resolve({ answer, sent })
  })
  const server = createServer((_request, answer) => {
    const sent = sendText(answer, { 'content-type': 'text/plain' }, pieces).then(
      () => 'sent',
      (error: unknown) => error,
    )
    begun(answer, sent)
  })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const [response] = await once(get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }), 'response')
  return { response, ...(await sending) }
}

const SIZE = 64 * 1024

/** Each piece is written where the last one was. */
function* inOnePlace(count: number): Iterable<string | Uint8Array> {
  const place = Buffer.alloc(SIZE)
  for (let at = 0; at < count; at++) {
    if (at % 10 === 0) yield `${at}\n`
    yield place.fill(97 + (at % 26))
  }
}

test('all of a text comes to a client that reads slowly, though its pieces lie in one place', async () => {
  const { response, sent } = await asked(inOnePlace(300))
  const chunks: Buffer[] = []
  for await (const chunk of response) {
    chunks.push(chunk)
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
  }
  const whole = Buffer.concat(Array.from(inOnePlace(300), (piece) => Buffer.from(piece)))
  expect(Buffer.concat(chunks).equals(whole)).toBe(true)
  expect(await sent).toBe('sent')
})

test('no piece is asked for while the client takes nothing, and none once it has gone', async () => {
  let count = 0
  function* counted(): Iterable<string | Uint8Array> {
    for (const piece of inOnePlace(100_000)) {
      count++
      yield piece
    }
  }
  const { response, answer, sent } = await asked(counted())
  response.pause()
  await expect.poll(() => answer.socket?.writableLength ?? 0, { timeout: 10_000 }).toBeGreaterThan(0)
  const before = count
  for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate)
  expect(count).toBeLessThan(before + 10)
  response.destroy()
  expect(await sent).toBe('sent')
  expect(count).toBeLessThan(before + 10)
})

test('a text that cannot be made to its end is cut off', async () => {
  function* broken(): Iterable<string> {
    yield 'x'.repeat(100_000)
    throw new Error('no more')
  }
  const { response, sent } = await asked(broken())
  await expect(response.toArray()).rejects.toThrow('aborted')
  expect(await sent).toEqual(new Error('no more'))
})

test('a short text comes whole', async () => {
  const { response, sent } = await asked(['a', 'b\n', 'é'])
  expect(Buffer.concat(await response.toArray()).toString()).toBe('ab\né')
  expect(await sent).toBe('sent')
})

test('an answer that never reaches a client is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const answer = new ServerResponse(new IncomingMessage(new Socket()))
  let count = 0
  function* counted(): Iterable<string | Uint8Array> {
    for (const piece of inOnePlace(100)) {
      count++
      yield piece
    }
  }
  const sent = sendText(answer, {}, counted())
  vi.advanceTimersByTime(30_000)
  await sent
  expect([answer.destroyed, count < 10]).toEqual([true, true])
})

test('nothing is made for a client that has gone before', async () => {
  const answer = new ServerResponse(new IncomingMessage(new Socket()))
  answer.destroy()
  let count = 0
  function* counted(): Iterable<string> {
    for (; count < 100; count++) yield 'x'
  }
  await sendText(answer, {}, counted())
  expect(count).toBe(0)
})
