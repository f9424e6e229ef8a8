// Under which names the doors of HTTP answer: a page whose own name leads to the broker reads nothing.
import { request } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

let broker: TestBroker

beforeEach(async () => {
  broker = await startTestBroker()
})

afterEach(() => broker.stop())

function statusFor(host: string, port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asking.on('error', reject)
    asking.end()
  })
}

test('only those that were named, addresses and localhost, where names are given', async () => {
  const hosts = ['broker.example']
  const metrics = await broker.server.http.listenMetrics({ port: 0, hosts })
  const management = await broker.server.http.listenManagement({ port: 0, hosts })
  for (const [{ port }, path, answer] of [
    [metrics, '/metrics', 200],
    [management, '/api/overview', 401],
  ] as const) {
    for (const host of ['broker.example', `Broker.Example:${port}`, 'localhost', `127.0.0.1:${port}`, `[::1]:${port}`])
      expect([host, await statusFor(host, port, path)]).toEqual([host, answer])
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'broker.example.evil',
      'localhost.evil',
      '127.0.0.1.evil',
    ])
      expect([host, await statusFor(host, port, path)]).toEqual([host, 421])
  }
})

test('all of them, where none is given', async () => {
  const { port } = await broker.server.http.listenMetrics({ port: 0 })
  expect(await statusFor('any.example', port, '/metrics')).toBe(200)
})
