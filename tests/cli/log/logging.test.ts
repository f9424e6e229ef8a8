import { expect, test } from 'vitest'
import type { LogOutput } from '../../../src/cli/log/log-output.ts'
import { createLogger } from '../../../src/cli/log/logging.ts'
import { prettyLine } from '../../../src/cli/log/pretty-line.ts'

function logger(logFormat: 'json' | 'pretty', logLevel: 'info' | 'silent' = 'info') {
  const lines: string[] = []
  const output: LogOutput = {
    isTerminal: false,
    onDropped: undefined,
    write: (line) => void lines.push(line),
    flush: async () => {},
    flushSync: () => {},
  }
  return { lines, log: createLogger({ logFormat, logLevel }, output) }
}

test('a JSON line has level name, ISO time, process id, fields and message', () => {
  const { lines, log } = logger('json')
  log.warn({ port: 5672 }, 'a sentence')
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    pid: process.pid,
    port: 5672,
    msg: 'a sentence',
  })
})

test('passwords and payloads are hidden wherever they stand', () => {
  const { lines, log } = logger('json')
  log.info({ password: 'hush1', user: { password: 'hush2', pass: 'hush3' }, payload: 'hush4' }, 'careless')
  expect(lines.join()).not.toContain('hush')
  expect(lines.join()).toContain('(hidden)')
})

test('lower levels are left out', () => {
  const { lines, log } = logger('json')
  log.debug({}, 'detail')
  expect(lines).toEqual([])
  const silent = logger('json', 'silent')
  silent.log.error({}, 'nothing')
  expect(silent.lines).toEqual([])
})

test('a pretty line is for eyes', () => {
  const { lines, log } = logger('pretty')
  log.info({ host: '127.0.0.1', reason: 'two words', count: 3 }, 'listening')
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} info {2}listening {2}host=127\.0\.0\.1 {2}reason="two words" {2}count=3\n$/,
  )
})

test('a pretty line shows sizes instead of bytes', () => {
  const { lines, log } = logger('pretty')
  log.info({ limitBytes: 15_195_161_395, tornBytes: 0 }, 'memory')
  expect(lines[0]).toMatch(/memory {2}limit=14\.2GiB {2}tornBytes=0\n$/)
})

test('a pretty line shows the stack of an error below it', () => {
  const line = JSON.stringify({
    level: 'error',
    time: '2020-01-02T03:04:05.678Z',
    pid: 1,
    err: { stack: 'Error: x\n  at y' },
    msg: 'failed',
  })
  expect(prettyLine(line)).toBe('03:04:05.678 error failed\n    Error: x\n      at y\n')
})

test('secrets in the words of an error are hidden, in both forms of the log', () => {
  for (const form of ['json', 'pretty'] as const) {
    const { lines, log } = logger(form)
    const error = new Error('cannot reach amqp://app:hush@host/ with {"password":"hush"} and Bearer hush.hush')
    log.error(
      { err: error, deep: { deeper: { secret: 'hush', list: [{ token: 'hush' }] } } },
      'failed: pass=1 amqps://a:hush@b',
    )
    expect(lines.join()).toContain('(hidden)')
    expect(lines.join()).not.toContain('hush')
  }
})

test('the stack of an error begins no line of its own in the pretty log', () => {
  const { lines, log } = logger('pretty')
  log.error({ err: new Error('a\n12:00:00.000 info  forged\u001b[2J\u202e') }, 'failed')
  const [first, ...rest] = lines.join('').trimEnd().split('\n')
  expect(first).toContain('failed')
  for (const line of rest) expect(line).toMatch(/^ {4}/)
  for (const character of ['\u001b', '\u202e']) expect(lines.join('')).not.toContain(character)
})
