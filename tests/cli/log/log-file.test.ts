import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LogFile } from '../../../src/cli/log/log-file.ts'
import { createLog } from '../../../src/cli/log/logging.ts'
import { serve } from '../../../src/cli/serve/serve.ts'
import { TestContext } from '../serve-context.ts'

let folder: string
const lines = (name: string): string[] => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-log-file-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a log file goes on where it ended, and is opened again when it was moved away', async () => {
  const first = new LogFile(join(folder, 'log'))
  first.output.write('one\n')
  await first.output.flush()
  const file = new LogFile(join(folder, 'log'))
  file.output.write('two\n')
  await file.output.flush()
  renameSync(join(folder, 'log'), join(folder, 'log.1'))
  file.output.write('three\n')
  await file.output.flush()
  await file.reopen()
  file.output.write('four\n')
  await file.output.flush()
  expect([lines('log.1'), lines('log')]).toEqual([['one', 'two', 'three'], ['four']])
})

test('a log file that cannot be opened again is written to as before', async () => {
  const file = new LogFile(join(folder, 'log'))
  const moved = `${folder}.moved`
  renameSync(folder, moved)
  await expect(file.reopen()).rejects.toThrow('ENOENT')
  renameSync(moved, folder)
  file.output.write('still here\n')
  await file.output.flush()
  expect(lines('log')).toEqual(['still here'])
})

test('what is no file is refused at once', () => {
  expect(() => new LogFile(folder)).toThrow('EISDIR')
  execFileSync('mkfifo', [join(folder, 'pipe')])
  expect(() => new LogFile(join(folder, 'pipe'))).toThrow('ENXIO')
})

test('the file and standard output have a level each', async () => {
  const shown: string[] = []
  const output = {
    isTerminal: false,
    onDropped: undefined,
    write: (line: string) => void shown.push(line),
    flush: async () => {},
    flushSync: () => {},
  }
  const file = new LogFile(join(folder, 'log'))
  const log = createLog({ logLevel: 'error', logFileLevel: 'info', logFormat: 'auto' }, output, file.output)
  const { logger } = log
  logger.debug('too much for both')
  logger.info('for the file')
  logger.error({ password: 'secret' }, 'for both')
  await file.output.flush()
  const messages = (all: readonly string[]) => all.map((line) => JSON.parse(line).msg)
  expect([messages(shown), messages(lines('log'))]).toEqual([['for both'], ['for the file', 'for both']])
  expect(lines('log').join()).not.toContain('secret')
  log.setLevels({ logLevel: 'debug', logFileLevel: 'silent' })
  logger.debug('shown alone')
  await file.output.flush()
  expect([messages(shown).at(-1), lines('log').length]).toEqual(['shown alone', 2])
})

test('the broker logs to the file as well, and opens it again on SIGHUP', async () => {
  const context = new TestContext()
  const ready = context.logged('Server startup complete')
  const path = join(folder, 'log')
  const exitCode = serve(
    new Map([
      ['logFile', path],
      ['logFormat', 'json'],
    ]),
    context,
  )
  await ready
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('Server startup complete'))
  renameSync(path, join(folder, 'log.1'))
  context.signals.emit('SIGHUP', 'SIGHUP')
  await vi.waitFor(() => expect(existsSync(path)).toBe(true))
  context.signals.emit('SIGTERM', 'SIGTERM')
  expect(await exitCode).toBe(0)
  expect(lines('log').at(-1)).toContain('stopped')
})

test('the broker does not start when its log cannot go to the file', async () => {
  const context = new TestContext()
  const path = join(folder, 'none', 'log')
  expect(await serve(new Map([['logFile', path]]), context)).toBe(1)
  expect(context.printedErrors.join()).toContain(`the log cannot go to ${path}: ENOENT`)
})
