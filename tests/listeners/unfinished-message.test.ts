// What is held of a WebSocket's message until it is whole: counted, and little before the log-in.
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { UnfinishedMessage } from '../../src/listeners/unfinished-message.ts'

function start() {
  const below = new EventEmitter()
  let isTerminated = false
  const socket = Object.assign(new EventEmitter(), {
    terminate: () => {
      isTerminated = true
    },
  })
  const unfinished = new UnfinishedMessage(socket as unknown as WebSocket, below as unknown as Duplex)
  let held = 0
  unfinished.watch((bytes) => {
    held += bytes
  })
  const read = (bytes: number) => below.emit('data', Buffer.alloc(bytes))
  return { below, socket, unfinished, read, held: () => held, isTerminated: () => isTerminated }
}

test('what comes in is held until the message is whole, or the client is gone', () => {
  const { below, socket, read, held } = start()
  read(1000)
  read(2000)
  expect(held()).toBe(3000)
  socket.emit('message', Buffer.alloc(2900), true)
  expect(held()).toBe(0)
  read(500)
  below.emit('close')
  expect(held()).toBe(0)
})

test('what comes with the end of a message, and belongs to the next one, is held', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, IncomingMessage]
  onTestFinished(() => {
    client.terminate()
    socket.terminate()
  })
  await once(client, 'open')
  let held = 0
  new UnfinishedMessage(socket, request.socket).watch((bytes) => {
    held += bytes
  })
  const heldAtTheEnd: number[] = []
  socket.on('message', () => heldAtTheEnd.push(held))
  // Two messages, masked with zeros: all of the first, and of the second 5,000 bytes of 10,000 with its header of eight.
  const first = Buffer.concat([Buffer.of(0x82, 0x80 | 10, 0, 0, 0, 0), Buffer.alloc(10)])
  const second = Buffer.concat([
    Buffer.of(0x82, 0x80 | 126, 10_000 >> 8, 10_000 & 255, 0, 0, 0, 0),
    Buffer.alloc(10_000),
  ])
  const raw = (client as unknown as { readonly _socket: Socket })._socket
  raw.write(Buffer.concat([first, second.subarray(0, 5008)]))
  await expect.poll(() => heldAtTheEnd.length).toBe(1)
  expect(held).toBe(5008)
  raw.write(second.subarray(5008))
  await expect.poll(() => heldAtTheEnd.length).toBe(2)
  expect(held).toBe(0)
})

test('pings are not part of it, and do not hide it', () => {
  const { socket, read, held } = start()
  for (const name of ['ping', 'pong']) {
    for (let at = 0; at < 100; at++) {
      read(106)
      socket.emit(name, Buffer.alloc(100))
    }
  }
  expect(held()).toBe(0)
  read(10_000)
  read(106)
  socket.emit('ping', Buffer.alloc(100))
  expect(held()).toBe(10_000)
})

test('it is little before the log-in, and anything after it', () => {
  const { read, isTerminated, unfinished } = start()
  read(16 * 1024)
  expect(isTerminated()).toBe(false)
  const other = start()
  other.read(16 * 1024 + 1)
  expect(other.isTerminated()).toBe(true)
  unfinished.loggedIn()
  read(1_000_000)
  expect(isTerminated()).toBe(false)
})
