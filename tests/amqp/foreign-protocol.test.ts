import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { foreignProtocol } from '../../src/amqp/foreign-protocol.ts'
import type { Logger } from '../../src/lib/logger.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'

test.each([
  ['\x16\x03\x01\x02\x00\x01\x00\x01', 'TLS'],
  ['GET / HT', 'HTTP'],
  ['AMQP\x00\x01\x00\x00', 'AMQP 1.0'],
  ['AMQP\x03\x01\x00\x00', 'AMQP 1.0'],
  ['AMQP\x00\x00\x08\x00', 'AMQP of another version'],
  ['\x10\x1a\x00\x04MQTT', 'MQTT'],
  ['\x10\x80\x01\x00\x06MQIsdp', 'MQTT'],
  ['CONNECT\n', 'STOMP'],
  ['CONNECT a', 'HTTP'],
  ['ping\r\n', 'unknown'],
])('%j is %s', (text, name) => {
  expect(foreignProtocol(Buffer.from(text, 'latin1'))).toBe(name)
})

interface Line {
  readonly message: string
  readonly fields: object
}

async function started(handshakeTimeoutMs: number) {
  const lines: Line[] = []
  const warn = (fields: object, message: string): void => void lines.push({ fields, message })
  const ignore = (): void => {}
  const logger: Logger = { debug: ignore, info: ignore, warn, error: warn }
  const server = new ServerBuilder().withConfig({ port: 0, handshakeTimeoutMs }).withLogger(logger).build()
  const [address] = await server.listen()
  onTestFinished(() => server.shutdown({ graceMs: 0 }))
  return { server, lines, port: address!.port }
}

/** Sends this, and waits for the broker to close the connection. */
async function say(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  socket.write(text)
  await once(socket, 'close')
}

test('what is not AMQP leaves a line in the log, and many of them two', async () => {
  const { server, lines, port } = await started(10_000)
  for (let i = 0; i < 5; i++) await say(port, 'GET / HTTP/1.1\r\n\r\n')
  const message = 'a client does not speak AMQP 0.9.1: it was told so and disconnected'
  const fields = { connection: expect.any(Number), peer: '127.0.0.1', speaks: 'HTTP' }
  expect(lines).toEqual([{ message, fields }])
  await server.shutdown()
  expect(lines.slice(1)).toEqual([{ message, fields: { ...fields, times: 4 } }])
})

test('a client that does not log in in time leaves one, too', async () => {
  const { lines, port } = await started(100)
  await say(port, 'AMQ')
  expect(lines).toEqual([
    { message: 'a client did not log in in time', fields: { connection: 1, peer: '127.0.0.1', phase: 'header' } },
  ])
})
