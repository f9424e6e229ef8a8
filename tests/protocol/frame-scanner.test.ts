import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { FrameScanner } from '../../protocol/frame-scanner.ts'
import { Block } from '../../src/lib/block.ts'
import { bodyFrames, contentHeader, frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import { type Event, Recorder } from './frame-recorder.ts'

const KINDS: Readonly<Record<number, string>> = { 1: 'method', 2: 'header', 3: 'body', 8: 'heartbeat' }

/** The stream cut into frames the simple way. */
function expectedEvents(stream: Buffer): Event[] {
  const recorder = new Recorder()
  for (let at = 0; at < stream.length; ) {
    const end = at + 7 + stream.readUInt32BE(at + 3)
    const [kind, channel] = [KINDS[stream.readUInt8(at)] ?? '', stream.readUInt16BE(at + 1)]
    if (kind === 'body') recorder.body(channel, new Block(stream), at + 7, end)
    else recorder.events.push([kind, channel, stream.toString('hex', at + 7, end)])
    at = end + 1
  }
  return recorder.events
}

interface Scanned {
  readonly events: readonly Event[]
  readonly publishes: number
  readonly restBytes: number
  readonly longestRest: number
  readonly error: FrameError | undefined
}

/** Scans the pieces one after the other, each behind what the scanner left over, at a random place of a larger block. */
function scan(pieces: readonly Uint8Array[], frameMaxBytes = 131_072, stopAfter = Number.POSITIVE_INFINITY): Scanned {
  const recorder = new Recorder()
  const scanner = new FrameScanner(recorder, frameMaxBytes)
  recorder.onFrame = () => recorder.events.length >= stopAfter && scanner.stop()
  let rest = Buffer.alloc(0)
  let longestRest = 0
  let error: FrameError | undefined
  for (const [index, piece] of pieces.entries()) {
    const room = (index * 7) % 19
    const block = new Block(Buffer.concat([Buffer.alloc(room, 0x5a), rest, piece, Buffer.alloc(5, 0xce)]))
    const end = room + rest.length + piece.length
    try {
      rest = Buffer.from(block.bytes.subarray(scanner.scan(block, room, end), end))
    } catch (thrown) {
      if (!(thrown instanceof FrameError)) throw thrown
      error = thrown
      break
    }
    longestRest = Math.max(longestRest, rest.length)
    block.bytes.fill(0xee) // the block may not be looked at any more
  }
  return { events: recorder.events, publishes: recorder.publishes, restBytes: rest.length, longestRest, error }
}

function cut(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b)
  const starts = [0, ...places]
  return starts.map((start, index) => stream.subarray(start, starts[index + 1] ?? stream.length))
}

const channel = fc.integer({ min: 0, max: 3 })
const payload = (max: number) => fc.tuple(fc.integer({ min: 0, max }), fc.integer({ min: 0, max: 255 }))
const filled = ([length, seed]: readonly [number, number]): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff))
const name = fc.string({ maxLength: 12 })

const publish = fc
  .record({
    channel,
    exchange: name,
    routingKey: name,
    body: payload(9000),
    pieceMax: fc.constantFrom(500, 4088, 131_064),
  })
  .map((all) => {
    const body = filled(all.body)
    return Buffer.concat([
      methodFrame(all.channel, 'basic.publish', {
        exchange: all.exchange,
        routingKey: all.routingKey,
        mandatory: true,
      }),
      headerFrame(all.channel, body.length, { deliveryMode: 2, messageId: all.routingKey }),
      ...bodyFrames(all.channel, body, all.pieceMax),
    ])
  })

const anyFrame = fc.oneof(
  publish,
  fc.tuple(channel, payload(300)).map(([id, bytes]) => frame(1, id, filled(bytes))),
  fc.tuple(channel, payload(60)).map(([id, bytes]) => frame(2, id, filled(bytes))),
  fc.tuple(channel, payload(20_000)).map(([id, bytes]) => frame(3, id, filled(bytes))),
  // A publish whose parts do not belong together.
  fc
    .tuple(channel, channel)
    .map(([a, b]) => Buffer.concat([methodFrame(a, 'basic.publish'), headerFrame(b, 5), frame(3, a, filled([5, 1]))])),
  fc.constant(frame(8, 0)),
)
const stream = fc.array(anyFrame, { maxLength: 12 }).map((frames) => Buffer.concat(frames))
const cuts = fc.array(fc.nat(), { maxLength: 30 })

describe('FrameScanner', () => {
  test('passes on the frames of a stream as a simple parser finds them', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const { events, restBytes, error } = scan([bytes])
        expect(error).toBeUndefined()
        expect(events).toEqual(expectedEvents(bytes))
        expect(restBytes).toBe(0)
      }),
    )
  })

  test('passes on the same however the stream is cut, and never leaves over more than one frame', () => {
    fc.assert(
      fc.property(stream, cuts, (bytes, places) => {
        const { events, restBytes, longestRest, error } = scan(cut(bytes, places))
        expect(error).toBeUndefined()
        expect(events).toEqual(expectedEvents(bytes))
        expect(restBytes).toBe(0)
        expect(longestRest).toBeLessThan(4096 + 8)
      }),
      { numRuns: 300 },
    )
  })

  test('passes on the same when every byte comes alone', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const short = bytes.subarray(0, 2000)
        const { events } = scan(Array.from(short, (_, at) => short.subarray(at, at + 1)))
        expect(events.slice(0, -1)).toEqual(expectedEvents(bytes).slice(0, Math.max(0, events.length - 1)))
      }),
      { numRuns: 20 },
    )
  })

  test('passes a publish on as one when its frames lie together, and only then', () => {
    const parts = [
      methodFrame(1, 'basic.publish', { routingKey: 'k' }),
      headerFrame(1, 3),
      frame(3, 1, Buffer.from('abc')),
    ]
    const whole = Buffer.concat(parts)
    expect(scan([whole]).publishes).toBe(1)
    expect(scan([Buffer.concat([whole, whole, whole])]).publishes).toBe(3)
    expect(scan(parts).publishes).toBe(0)
    expect(scan([Buffer.concat([methodFrame(1, 'basic.publish'), headerFrame(1, 0)])]).publishes).toBe(1)
  })

  test('waits for the rest of a short publish once its header frame has begun, so as to pass it on as one', () => {
    const publishOf = (bodyBytes: number): Buffer =>
      Buffer.concat([
        methodFrame(1, 'basic.publish', { routingKey: 'k' }),
        headerFrame(1, bodyBytes),
        frame(3, 1, Buffer.alloc(bodyBytes)),
      ])
    const methodBytes = methodFrame(1, 'basic.publish', { routingKey: 'k' }).length
    const short = publishOf(100)
    for (let at = 1; at < short.length; at++)
      expect(scan([short.subarray(0, at), short.subarray(at)]).publishes).toBe(at === methodBytes ? 0 : 1)
    const long = publishOf(4096)
    expect(scan([long.subarray(0, 1000), long.subarray(1000)]).publishes).toBe(0)
  })

  test.each<[string, Buffer[]]>([
    ['a header on another channel', [methodFrame(1, 'basic.publish'), headerFrame(2, 0)]],
    ['a body on another channel', [methodFrame(1, 'basic.publish'), headerFrame(1, 2), frame(3, 2, Buffer.from('ab'))]],
    [
      'a body in two frames',
      [methodFrame(1, 'basic.publish'), headerFrame(1, 2), frame(3, 1, Buffer.of(1)), frame(3, 1, Buffer.of(2))],
    ],
    [
      'a body longer than announced',
      [methodFrame(1, 'basic.publish'), headerFrame(1, 1), frame(3, 1, Buffer.of(1, 2))],
    ],
    ['a body size over 4 GiB', [methodFrame(1, 'basic.publish'), headerFrame(1, 2n ** 32n), frame(8, 0)]],
    ['a header of another class', [methodFrame(1, 'basic.publish'), frame(2, 1, contentHeader(0, {}, 50))]],
    ['a header that is too short', [methodFrame(1, 'basic.publish'), frame(2, 1, Buffer.of(0, 60, 0, 0))]],
    ['a key behind the end of its method', [frame(1, 1, Buffer.of(0, 60, 0, 40, 0, 0, 200, 1, 1)), headerFrame(1, 0)]],
    ['a routing key behind the end', [frame(1, 1, Buffer.of(0, 60, 0, 40, 0, 0, 0, 9, 0)), headerFrame(1, 0)]],
    ['octets behind the bits', [frame(1, 1, Buffer.of(0, 60, 0, 40, 0, 0, 0, 0, 0, 7)), headerFrame(1, 0)]],
    ['no bits', [frame(1, 1, Buffer.of(0, 60, 0, 40, 0, 0, 0, 0)), headerFrame(1, 0)]],
    ['nothing but its ids', [frame(1, 1, Buffer.of(0, 60, 0, 40)), headerFrame(1, 0)]],
  ])('passes on a publish with %s frame by frame', (_, frames) => {
    const bytes = Buffer.concat(frames)
    const { events, publishes } = scan([bytes])
    expect(publishes).toBe(0)
    expect(events).toEqual(expectedEvents(bytes))
  })

  test('passes the pieces of a large body on as they arrive', () => {
    const body = filled([100_000, 1])
    const bytes = frame(3, 1, body)
    const { events, longestRest } = scan(cut(bytes, [10, 5000, 70_000, 100_000, 100_007]))
    expect(events).toEqual([['body', 1, body.toString('hex')]])
    expect(longestRest).toBeLessThan(8)
  })

  test('looks at nothing behind the frame in which it was stopped', () => {
    const bytes = Buffer.concat([frame(1, 1, Buffer.alloc(4)), frame(1, 1, Buffer.alloc(4)), Buffer.from('garbage')])
    expect(scan([bytes], 131_072, 1)).toMatchObject({
      events: [['method', 1, '00000000']],
      error: undefined,
      restBytes: 0,
    })
  })

  test('returns after every frame at which it is held, and goes on there when it is called again', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 4 }), (bytes, every) => {
        const recorder = new Recorder()
        const scanner = new FrameScanner(recorder, 131_072)
        let frames = 0
        recorder.onFrame = () => void (++frames % every === 0 && scanner.hold())
        const block = new Block(bytes)
        for (let at = 0; at < bytes.length; ) {
          const framesBefore = frames
          const next = scanner.scan(block, at, bytes.length)
          expect(next).toBeGreaterThan(at)
          expect(frames - framesBefore).toBeLessThanOrEqual(every)
          at = next
        }
        expect(recorder.events).toEqual(expectedEvents(bytes))
      }),
    )
  })

  test('stops in front of every publish while they are held, and goes on with it afterwards', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const recorder = new Recorder()
        const scanner = new FrameScanner(recorder, 131_072)
        const block = new Block(bytes)
        for (let at = 0; at < bytes.length; ) {
          scanner.holdsPublishes = true
          const { length } = recorder.events
          at = scanner.scan(block, at, bytes.length)
          const passed = recorder.events.slice(length)
          expect(passed.filter(([kind, , payload]) => kind === 'method' && payload.startsWith('003c0028'))).toEqual([])
          if (at === bytes.length) break
          scanner.holdsPublishes = false
          recorder.onFrame = () => scanner.hold()
          at = scanner.scan(block, at, bytes.length)
          recorder.onFrame = () => {}
        }
        expect(recorder.events).toEqual(expectedEvents(bytes))
        const publishes = recorder.events.filter(([, , payload]) => payload.startsWith('003c0028'))
        expect(recorder.held).toBe(publishes.length)
      }),
    )
  })

  test('while methods are held, passes on what publishes and settles, and stops in front of the others', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const recorder = new Recorder()
        const scanner = new FrameScanner(recorder, 131_072)
        const block = new Block(bytes)
        const isLong = ([kind, , payload]: Event): boolean => kind === 'method' && !/^003c00(28|50|78|5a)/.test(payload)
        for (let at = 0; at < bytes.length; ) {
          scanner.holdsMethods = true
          const { length } = recorder.events
          at = scanner.scan(block, at, bytes.length)
          expect(recorder.events.slice(length).filter(isLong)).toEqual([])
          if (at === bytes.length) break
          scanner.holdsMethods = false
          recorder.onFrame = () => scanner.hold()
          at = scanner.scan(block, at, bytes.length)
          recorder.onFrame = () => {}
        }
        expect(recorder.events).toEqual(expectedEvents(bytes))
        expect(recorder.methodsHeld).toBe(recorder.events.filter(isLong).length)
      }),
    )
  })

  test('takes payloads up to the whole frame-max, and any size when there is none', () => {
    expect(scan([frame(1, 1, Buffer.alloc(4096))], 4096).events).toHaveLength(1)
    expect(scan([frame(1, 1, Buffer.alloc(200_000))], 0).events).toHaveLength(1)
  })
})

describe('FrameScanner refuses', () => {
  const refusal = (...pieces: Buffer[]) => {
    const { error } = scan(pieces, 4096)
    return error && { code: error.code, text: error.text, classId: error.classId, methodId: error.methodId }
  }
  const frameError = (text: string, code = 501) => ({ code, text, classId: 0, methodId: 0 })

  test('a frame that is too large as soon as its size is known', () => {
    const text = 'type 3, all octets = <<>>: {frame_too_large,4097,4088}'
    expect(refusal(frame(3, 1, Buffer.alloc(4097)))).toEqual(frameError(text))
    expect(refusal(frame(3, 1, Buffer.alloc(4097)).subarray(0, 7))).toEqual(frameError(text))
    expect(refusal(Buffer.of(1, 0, 0, 0xff, 0xff, 0xff, 0xff))).toEqual(
      frameError('type 1, all octets = <<>>: {frame_too_large,4294967295,4088}'),
    )
  })

  test('a wrong end octet, quoting at most 16 octets of the payload', () => {
    expect(refusal(frame(1, 1, Buffer.of(1, 2, 3), 0xcd))).toEqual(
      frameError('type 1, all octets = <<1,2,3>>: {invalid_frame_end_marker,205}'),
    )
    expect(refusal(frame(2, 1, Buffer.alloc(17, 9), 0))).toEqual(
      frameError(`type 2, first 16 octets = <<"${'\\t'.repeat(16)}">>: {invalid_frame_end_marker,0}`),
    )
    expect(refusal(frame(8, 0, Buffer.alloc(0), 1))).toEqual(
      frameError('type 8, all octets = <<>>: {invalid_frame_end_marker,1}'),
    )
  })

  test('a wrong end octet behind a body that came in pieces', () => {
    const bytes = frame(3, 1, Buffer.alloc(4096 + 1000), 0xcd)
    const { error } = scan(cut(bytes, [3000, 5000, bytes.length - 1]), 131_072)
    expect(error?.text).toMatch(/^type 3, .*: \{invalid_frame_end_marker,205\}$/)
  })

  test('an unknown type, whether its payload has come or not', () => {
    expect(refusal(frame(4, 1, Buffer.of(7)))).toEqual(frameError('type 4, all octets = <<7>>: unknown_frame'))
    expect(refusal(frame(0, 1, Buffer.alloc(20, 1)))).toEqual(
      frameError(`type 0, first 16 octets = <<${'1,'.repeat(15)}1>>: unknown_frame`),
    )
    expect(refusal(Buffer.of(255, 0, 0, 0, 0, 0, 100))).toMatchObject({
      code: 501,
      text: expect.stringMatching('unknown_frame'),
    })
  })

  test('a heartbeat on a channel, or with a payload', () => {
    expect(refusal(frame(8, 1))).toEqual(frameError('type 8, all octets = <<>>', 505))
    for (const channel of [0, 1]) {
      const text = 'type 8, all octets = <<"ping">>: unknown_frame'
      expect(refusal(frame(8, channel, Buffer.from('ping')))).toEqual(frameError(text))
    }
  })

  test('a broken stream after the same frames, however it is cut', () => {
    const broken = fc.constantFrom(
      frame(1, 1, Buffer.alloc(9), 1),
      frame(5, 1, Buffer.alloc(9)),
      frame(8, 3),
      Buffer.of(3, 0, 1, 0x7f, 0, 0, 0),
    )
    fc.assert(
      fc.property(stream, broken, stream, cuts, (before, bad, after, places) => {
        const { events, error } = scan(cut(Buffer.concat([before, bad, after]), places))
        expect(error?.code).toBeGreaterThan(500)
        expect(events).toEqual(expectedEvents(before))
      }),
    )
  })

  test('nothing by any other error, whatever bytes come', () => {
    const noise = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 })
    fc.assert(
      fc.property(noise, (pieces) => void scan(pieces, 4096)),
      { numRuns: 300 },
    )
  })
})

test('tells the beginning of a frame from what there is to look at', () => {
  const scanner = new FrameScanner(new Recorder(), 200_000)
  const found = (bytes: number[], frameBytes: number): boolean => {
    const block = new Block(Buffer.concat([Buffer.from(bytes), Buffer.alloc(Math.max(0, frameBytes - bytes.length))]))
    return scanner.finds(block, 0, block.size)
  }
  const method = (size: number): number[] => [1, 0, 1, 0, size >>> 16, (size >>> 8) & 0xff, size & 0xff]
  expect(found([1, 0, 1], 3)).toBe(false)
  expect(found(method(100_000), 7)).toBe(false)
  expect(found(method(100_000), 100_007)).toBe(false)
  expect(found(method(100_000), 100_008)).toBe(true)
  // The beginning of a large body is passed on, and a frame that is too large is refused.
  expect(found([3, ...method(100_000).slice(1)], 50)).toBe(true)
  expect(found(method(200_001), 50)).toBe(true)
})
