import { describe, expect, test } from 'vitest'
import { createMessage, type Message } from '../../../src/broker/messages/message.ts'
import { MessageTtl, NOTHING_BESIDE } from '../../../src/broker/queues/message-ttl.ts'
import { decodeExtension, encodeExtension } from '../../../storage/record-extension.ts'

const NEVER = Number.POSITIVE_INFINITY
const NOW = 5000

function message(expiration?: string): Message {
  const made = createMessage('', 'q', expiration === undefined ? {} : { expiration }, Buffer.from('body'))
  if (expiration !== undefined) made.extension = NOTHING_BESIDE
  return made
}

/** When it expires, as the stamp says it and as it lies beside the message. */
function stamped(ttl: MessageTtl, one: Message, nowMs = NOW): [number, number] {
  const atMs = ttl.stamp(one, nowMs)
  const beside = one.extension === undefined ? undefined : decodeExtension(Buffer.from(one.extension)).expiresAtMs
  return [atMs, beside ?? NEVER]
}

describe('the time of messages that come in one turn', () => {
  test('is that of their queue, and of each its own if that is lower', () => {
    const ttl = new MessageTtl()
    ttl.queueMs = 100
    expect(stamped(ttl, message())).toEqual([5100, 5100])
    expect(stamped(ttl, message())).toEqual([5100, 5100])
    expect(stamped(ttl, message('7'))).toEqual([5007, 5007])
    expect(stamped(ttl, message())).toEqual([5100, 5100])
    expect(stamped(ttl, message('200'))).toEqual([5100, 5100])
    expect(stamped(ttl, message(), NOW + 1)).toEqual([5101, 5101])
  })

  test('follows the queue, whose time may change within the turn', () => {
    const ttl = new MessageTtl()
    expect(stamped(ttl, message())).toEqual([NEVER, NEVER])
    ttl.queueMs = 100
    expect(stamped(ttl, message())).toEqual([5100, 5100])
    ttl.queueMs = undefined
    expect(stamped(ttl, message())).toEqual([NEVER, NEVER])
    expect(stamped(ttl, message('7'))).toEqual([5007, 5007])
    expect(stamped(ttl, message())).toEqual([NEVER, NEVER])
  })

  test('stands in front of what else lies beside a message, and beside no other', () => {
    const ttl = new MessageTtl()
    ttl.queueMs = 100
    const dead = message()
    dead.extension = encodeExtension({ deathMarks: 3 })
    expect(stamped(ttl, dead)).toEqual([5100, 5100])
    expect(decodeExtension(Buffer.from(dead.extension))).toEqual({ expiresAtMs: 5100, deathMarks: 3 })
    const plain = message()
    expect(stamped(ttl, plain)).toEqual([5100, 5100])
    expect(decodeExtension(Buffer.from(plain.extension ?? []))).toEqual({ expiresAtMs: 5100 })
  })
})
