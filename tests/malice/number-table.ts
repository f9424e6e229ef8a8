/**
 * Every number that a client can send: what it may be, and what the broker does about one that it may not be. LIMITS.md has the same
 * rows for people to read. `fine` must be taken and `refused` must have the end that the row names.
 */
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import type { MethodArguments } from '../support/wire-methods.ts'
import { ByteWriter, tagged } from '../support/wire-values.ts'

/** Sent on channel 1 of a connection that is open, which then asks for something else: that must be answered. */
export interface NumberRow {
  /** As in LIMITS.md. */
  readonly number: string
  readonly fine: readonly Uint8Array[]
  readonly refused: readonly Uint8Array[]
  /** The code of channel.close or connection.close. */
  readonly code?: number
  readonly closes?: 'channel' | 'connection'
}

const LONG_MAX = 2 ** 32 - 1
const LONGLONG_MAX = 2n ** 64n - 1n
const SIGNED_MAX = 2n ** 63n - 1n
const TIME_MAX = 315_360_000_000n

let names = 0

function declare(argument: string, value: bigint | number, type: 'l' | 'I' = 'l'): Buffer {
  const args: MethodArguments = { queue: `n${names++}`, exclusive: true }
  return methodFrame(1, 'queue.declare', { ...args, arguments: { [argument]: tagged(type, value) } })
}

const declareQuorum = (argument: string, value: bigint): Buffer =>
  methodFrame(1, 'queue.declare', {
    queue: `n${names++}`,
    durable: true,
    arguments: { 'x-queue-type': 'quorum', [argument]: tagged('l', value) },
  })

/** A row for an argument of queues. */
function queueArgument(number: string, fine: readonly bigint[], refused: readonly bigint[]): NumberRow {
  const name = number.replaceAll('`', '')
  return {
    number,
    fine: fine.map((value) => declare(name, value)),
    refused: refused.map((value) => declare(name, value)),
    code: 406,
    closes: 'channel',
  }
}

function quorumArgument(number: string, fine: readonly bigint[], refused: readonly bigint[]): NumberRow {
  const name = number.replaceAll('`', '')
  return {
    number,
    fine: fine.map((value) => declareQuorum(name, value)),
    refused: refused.map((value) => declareQuorum(name, value)),
    code: 406,
    closes: 'channel',
  }
}

const consume = (argument: string, value: bigint): Buffer =>
  methodFrame(1, 'basic.consume', { queue: 'numbers', arguments: { [argument]: tagged('l', value) } })

const published = (properties: Parameters<typeof headerFrame>[2]): Buffer =>
  Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'numbers' }), headerFrame(1, 0, properties)])

const announced = (size: bigint): Buffer =>
  Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'nowhere' }), headerFrame(1, size)])

/** A field table, with its length in front of it, that has so many fields. */
function wide(fields: number): Buffer {
  const items = Buffer.alloc(fields, 'V')
  const body = new ByteWriter().octet(1).bytes(Buffer.from('aA')).long(items.length).bytes(items).take()
  return new ByteWriter().long(body.length).bytes(body).take()
}

/** A table in a table, so many levels in all. */
function deep(levels: number): Buffer {
  let table = new ByteWriter().long(0).take()
  for (let i = 1; i < levels; i++) {
    const body = Buffer.concat([Buffer.from('\x01aF', 'latin1'), table])
    table = new ByteWriter().long(body.length).bytes(body).take()
  }
  return table
}

const withTable = (table: Buffer): Buffer =>
  frame(
    1,
    1,
    new ByteWriter().short(50).short(10).short(0).shortstr(`n${names++}`).octet(0b0000_1000).bytes(table).take(),
  )

const heartbeat = (channel: number): Buffer => frame(8, channel)

/** All but those of the handshake, which has tests of its own (`numbers.test.ts`, `tune-ok`). */
export const NUMBERS: readonly NumberRow[] = [
  {
    number: 'type of a frame',
    fine: [heartbeat(0)],
    refused: [0, 4, 7, 9, 255].map((type) => frame(type, 1)),
    code: 501,
    closes: 'connection',
  },
  {
    number: 'channel of a frame',
    fine: [65_535].map((id) => Buffer.concat([methodFrame(id, 'channel.open'), methodFrame(id, 'channel.close')])),
    refused: [methodFrame(0, 'channel.open'), methodFrame(2, 'queue.declare', { queue: 'q' })],
    code: 504,
    closes: 'connection',
  },
  {
    number: 'size of a frame',
    fine: [announced(0n)],
    refused: [131_073, 2 ** 31, LONG_MAX].map((size) => new ByteWriter().octet(1).short(1).long(size).take()),
    code: 501,
    closes: 'connection',
  },
  {
    number: 'size of a body',
    fine: [announced(0n)],
    refused: [2n ** 29n + 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, LONGLONG_MAX].map(announced),
    code: 501,
    closes: 'connection',
  },
  {
    number: 'bytes of the frames of a body',
    fine: [Buffer.concat([announced(4n), frame(3, 1, Buffer.alloc(2)), frame(3, 1, Buffer.alloc(2))])],
    refused: [
      Buffer.concat([announced(4n), frame(3, 1, Buffer.alloc(5))]),
      Buffer.concat([announced(4n), frame(3, 1, Buffer.alloc(2)), frame(3, 1, Buffer.alloc(3))]),
    ],
    code: 501,
    closes: 'connection',
  },
  {
    number: 'depth of a table',
    fine: [withTable(deep(32))],
    refused: [withTable(deep(33)), withTable(deep(1000))],
    code: 501,
    closes: 'connection',
  },
  {
    number: 'fields of a table',
    fine: [withTable(wide(65_535))],
    refused: [withTable(wide(65_536))],
    code: 501,
    closes: 'connection',
  },
  {
    number: 'length of a long string',
    fine: [withTable(Buffer.from('\x00\x00\x00\x08\x01aS\x00\x00\x00\x01x', 'latin1'))],
    refused: ['\xff\xff\xff\xff', '\x00\x00\x00\x02', '\x7f\xff\xff\xff'].map((length) =>
      withTable(Buffer.from(`\x00\x00\x00\x08\x01aS${length}x`, 'latin1')),
    ),
    code: 501,
    closes: 'connection',
  },
  {
    number: '`prefetch-size`',
    fine: [methodFrame(1, 'basic.qos', { prefetchSize: 0 })],
    refused: [1, 2 ** 31, LONG_MAX].map((prefetchSize) => methodFrame(1, 'basic.qos', { prefetchSize })),
    code: 540,
    closes: 'connection',
  },
  {
    number: '`prefetch-count`',
    fine: [0, 1, 32_767, 32_768, 65_535].map((prefetchCount) => methodFrame(1, 'basic.qos', { prefetchCount })),
    refused: [],
  },
  {
    number: '`delivery-tag`',
    fine: [],
    refused: [0n, 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, LONGLONG_MAX].map((deliveryTag) =>
      methodFrame(1, 'basic.ack', { deliveryTag }),
    ),
    code: 406,
    closes: 'channel',
  },
  {
    number: '`reply-code`, `class-id`, `method-id`',
    fine: [0, 200, 65_535].map((code) => {
      const args = { replyCode: code, classId: code, methodId: code }
      return Buffer.concat([methodFrame(9, 'channel.open'), methodFrame(9, 'channel.close', args)])
    }),
    refused: [],
  },
  {
    number: '`delivery-mode`, `priority`',
    fine: [0, 1, 2, 3, 255].map((value) => published({ deliveryMode: value, priority: value })),
    refused: [],
  },
  {
    number: '`timestamp`',
    fine: [0, 1, Number.MAX_SAFE_INTEGER].map((timestamp) => published({ timestamp })),
    refused: [],
  },
  {
    number: '`expiration`',
    fine: ['0', '1', '315360000000'].map((expiration) => published({ expiration })),
    refused: ['-1', '1.5', '1e3', '0x10', '315360000001', '9'.repeat(255)].map((expiration) =>
      published({ expiration }),
    ),
    code: 406,
    closes: 'channel',
  },
  queueArgument('`x-message-ttl`', [0n, 1n, TIME_MAX], [-1n, TIME_MAX + 1n, SIGNED_MAX]),
  queueArgument('`x-expires`', [1n, TIME_MAX], [-1n, 0n, TIME_MAX + 1n, SIGNED_MAX]),
  queueArgument('`x-max-length`', [0n, 1n, 2n ** 32n, SIGNED_MAX], [-1n, -(2n ** 63n)]),
  queueArgument('`x-max-length-bytes`', [0n, 1n, 2n ** 32n, SIGNED_MAX], [-1n, -(2n ** 63n)]),
  queueArgument('`x-max-priority`', [0n, 1n, 255n], [-1n, 256n, SIGNED_MAX]),
  queueArgument('`x-queue-version`', [1n, 2n], [-1n, 0n, 3n, SIGNED_MAX]),
  queueArgument('`x-consumer-timeout`', [0n, 1n, SIGNED_MAX], [-1n]),
  queueArgument('`x-delivery-limit`', [-(2n ** 63n), -1n, 0n, 1n, SIGNED_MAX], []),
  queueArgument('`x-delayed-retry-min`', [0n, 1n, TIME_MAX], [-1n, TIME_MAX + 1n, SIGNED_MAX]),
  queueArgument('`x-delayed-retry-max`', [0n, 1n, TIME_MAX], [-1n, TIME_MAX + 1n, SIGNED_MAX]),
  quorumArgument('`x-quorum-initial-group-size`', [1n, SIGNED_MAX], [-1n, 0n]),
  quorumArgument('`x-quorum-target-group-size`', [1n, SIGNED_MAX], [-1n, 0n]),
  quorumArgument('`x-max-in-memory-length`', [0n, SIGNED_MAX], [-1n]),
  quorumArgument('`x-max-in-memory-bytes`', [0n, SIGNED_MAX], [-1n]),
  {
    number: '`x-priority` of a consumer',
    fine: [-(2n ** 31n), 0n, 2n ** 31n - 1n].map((value) => consume('x-priority', value)),
    refused: [-(2n ** 31n) - 1n, 2n ** 31n, SIGNED_MAX].map((value) => consume('x-priority', value)),
    code: 406,
    closes: 'channel',
  },
  {
    number: '`x-consumer-timeout` of a consumer',
    fine: [0n, 1n, SIGNED_MAX].map((value) => consume('x-consumer-timeout', value)),
    refused: [-1n].map((value) => consume('x-consumer-timeout', value)),
    code: 406,
    closes: 'channel',
  },
  {
    number: 'an argument that the broker does not know, a header',
    fine: [
      declare('x-unheard-of', SIGNED_MAX),
      declare('x-unheard-of', -1, 'I'),
      published({ headers: { a: tagged('l', -(2n ** 63n)), b: tagged('T', LONGLONG_MAX) } }),
    ],
    refused: [],
  },
]
