// What is held of a WebSocket's message until it is whole: counted, and little before the log-in.
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import type { WebSocket } from 'ws'
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

test('the end of a message and the beginning of the next one may come at once', () => {
  const { below, socket, read, held } = start()
  // The WebSocket looks at it behind the count.
  below.once('data', () => socket.emit('message', Buffer.alloc(10), true))
  read(100)
  expect(held()).toBe(0)
  read(100)
  expect(held()).toBe(100)
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
