import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BoundedOutput, type LogSink } from '../../../src/cli/log/log-output.ts'

/** A sink that takes what the test lets it take. */
class FakeSink implements LogSink {
  text = ''
  /** What writing ends with; the test ends it by itself while this is undefined. */
  outcome: Error | 'done' | undefined = 'done'
  #pending: { bytes: Uint8Array; done: (writtenBytes: number, error: Error | undefined) => void } | undefined

  write(bytes: Uint8Array, done: (writtenBytes: number, error: Error | undefined) => void): void {
    this.#pending = { bytes, done }
    if (this.outcome === 'done') this.end(bytes.length)
    else if (this.outcome !== undefined) this.end(0, this.outcome)
  }

  writeNow(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes)
  }

  /** So many bytes were written, then came the error. */
  end(writtenBytes: number, error?: Error): void {
    const { bytes, done } = this.#pending!
    this.#pending = undefined
    this.text += Buffer.from(bytes.subarray(0, writtenBytes))
    done(writtenBytes, error)
  }
}

const FULL = new Error('ENOSPC')
const LONG = `${'x'.repeat(99_999)}\n`

function opened() {
  const sink = new FakeSink()
  const output = new BoundedOutput(sink)
  output.onDropped = (lines) => output.write(`${lines} dropped\n`)
  return { sink, output }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('lines are written in their order', () => {
  const { sink, output } = opened()
  for (const line of ['one\n', 'two\n']) output.write(line)
  expect(sink.text).toBe('one\ntwo\n')
})

test('what a stopped reader leaves behind is bounded; what is missing is said in its place', () => {
  const { sink, output } = opened()
  sink.outcome = undefined
  output.write('first\n')
  for (const line of [LONG, LONG, LONG, LONG]) output.write(line)
  sink.outcome = 'done'
  sink.end('first\n'.length)
  output.write('last\n')
  expect(sink.text).toBe(`first\n${LONG}${LONG}2 dropped\nlast\n`)
})

test('writing is tried again after an error, from the byte that could not be written', () => {
  const { sink, output } = opened()
  sink.outcome = undefined
  output.write('a line\n')
  sink.end(3, FULL)
  sink.outcome = FULL
  output.write('another\n')
  vi.advanceTimersByTime(5000)
  expect(sink.text).toBe('a l')
  sink.outcome = 'done'
  vi.advanceTimersByTime(1000)
  expect(sink.text).toBe('a line\nanother\n')
})

test('lines are dropped and counted for as long as the disk is full', () => {
  const { sink, output } = opened()
  sink.outcome = FULL
  for (let i = 0; i < 10; i++) output.write(LONG)
  sink.outcome = 'done'
  vi.advanceTimersByTime(1000)
  // One was on its way, two had room behind it.
  expect(sink.text).toBe(`${LONG}${LONG}${LONG}7 dropped\n`)
  output.write('last\n')
  expect(sink.text.endsWith('7 dropped\nlast\n')).toBe(true)
})

test('flush waits for what is under way', async () => {
  const { sink, output } = opened()
  sink.outcome = undefined
  output.write('a line\n')
  let isFlushed = false
  const flushed = output.flush().then(() => {
    isFlushed = true
  })
  await vi.advanceTimersByTimeAsync(500)
  expect(isFlushed).toBe(false)
  sink.end('a line\n'.length)
  await flushed
  expect(vi.getTimerCount()).toBe(0)
})

test('flush gives up on a reader that takes nothing, and on a disk that stays full', async () => {
  const stopped = opened()
  stopped.sink.outcome = undefined
  stopped.output.write('a line\n')
  const flushed = stopped.output.flush()
  await vi.advanceTimersByTimeAsync(2000)
  await flushed

  const full = opened()
  full.sink.outcome = FULL
  full.output.write('a line\n')
  await full.output.flush()
})

test('a process that ends at once leaves what was waiting, and not what is being written, to the sink', () => {
  const { sink, output } = opened()
  sink.outcome = undefined
  output.write('under way\n')
  output.write('waiting\n')
  output.flushSync()
  expect(sink.text).toBe('waiting\n')

  const full = opened()
  full.sink.outcome = FULL
  full.output.write('failed\n')
  full.output.write('waiting\n')
  full.output.flushSync()
  expect(full.sink.text).toBe('failed\nwaiting\n')
})
