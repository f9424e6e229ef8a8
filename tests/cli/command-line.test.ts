import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { environmentNames, flagName, OPTION_NAMES, optionRow } from '../../config/options.ts'
import { runCommandLine } from '../../src/cli/command-line.ts'
import { TestContext } from './serve-context.ts'

async function run(...args: string[]) {
  const context = new TestContext()
  const exitCode = await runCommandLine(args, context)
  return { exitCode, printed: context.printed.join('\n'), errors: context.printedErrors.join('\n'), context }
}

describe('--help', () => {
  test('shows every option with its default, what is allowed and its variable', async () => {
    const { exitCode, printed } = await run('--help')
    expect(exitCode).toBe(0)
    const flat = printed.replace(/\s+/g, ' ')
    for (const name of OPTION_NAMES) {
      const row = optionRow(name)
      expect(flat).toContain(`--${flagName(name)} `)
      expect(flat).toContain(`${row.doc} (${row.parser.allowed}) [env: ${environmentNames(name).join(', ')}]`)
      expect(flat).toContain(`[default: ${row.defaultText ?? row.defaultValue}]`)
      expect(flat).toContain(`${row.group}:`)
    }
  })

  test('shows the commands, and what each takes', async () => {
    expect((await run('--help')).printed).toMatch(/leveret serve .*\n.*leveret perf /)
    expect((await run('serve', '--help')).printed).toContain('--frame-max')
    const { printed } = await run('perf', '--help')
    expect(printed).toContain('--publishers')
    expect(printed).not.toContain('--frame-max')
  })
})

test('-h and -v are --help and --version', async () => {
  for (const args of [[], ['perf'], ['check']]) {
    expect((await run(...args, '-h')).printed).toBe((await run(...args, '--help')).printed)
  }
  expect((await run('-v')).printed).toBe((await run('--version')).printed)
  expect((await run('--help')).printed).toMatch(/-h, --help .*\n *-v, --version|-v, --version .*\n *-h, --help/)
})

test.each([
  [['--prot', '5'], 'prot; did you mean --port?'],
  [['--prot=5'], 'prot; did you mean --port?'],
  [['--prot', '1', '--hearbeat', '2'], 'did you mean --port and --heartbeat?'],
  [['--sotrage', 'memory'], 'did you mean --storage?'],
  [['--hlep'], 'did you mean --help?'],
  [['chekc'], 'chekc; did you mean check?'],
  [['bakcup', '--to', 'x'], 'did you mean backup?'],
  [['pref'], 'did you mean perf?'],
  [['perf', '--szie', '5'], 'szie; did you mean --size?'],
  [['perf', '--publisher', '5'], 'did you mean --publishers?'],
  [['check', '--repiar'], 'repiar; did you mean --repair?'],
  [['restore', '--from', 'x', '--data-dri', 'y'], 'did you mean --data-dir?'],
])('%j is corrected', async (args, text) => {
  const { exitCode, errors } = await run(...args)
  expect(exitCode).toBe(2)
  expect(errors).toContain(text)
})

test('what is like nothing is not corrected', async () => {
  expect((await run('--zzz')).errors).toBe("leveret: Unknown argument: zzz\n'leveret --help' shows all options.")
})

test('--version shows the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  expect(await run('--version')).toMatchObject({ exitCode: 0, printed: version, errors: '' })
})

describe('arguments that make no sense', () => {
  test.each([
    ['an unknown flag', ['--fram-max', '5'], 'leveret: Unknown argument: fram-max; did you mean --frame-max?'],
    ['a flag of another command', ['perf', '--frame-max', '5'], 'leveret: Unknown argument'],
    ['an unknown command', ['server'], 'leveret: Unknown argument: server'],
    ['a flag without its value', ['--port'], 'leveret: Not enough arguments following: port'],
    ['a switch with a strange value', ['--allow-anonymous=5'], "leveret: --allow-anonymous is '5'"],
    ['a wrong value', ['serve', '--port', '1e3'], "leveret: --port is '1e3'"],
  ])('end with 2: %s', async (_, args, message) => {
    const { exitCode, errors, context } = await run(...args)
    expect(exitCode).toBe(2)
    expect(errors).toContain(message)
    expect(context.config).toBeUndefined()
  })
})

describe('flags', () => {
  async function configOf(...args: string[]) {
    const context = new TestContext()
    const ready = context.logged('Server startup complete')
    const exitCode = runCommandLine(['--log-format=json', ...args], context)
    await ready
    context.signals.emit('SIGTERM', 'SIGTERM')
    expect(await exitCode).toBe(0)
    return context.config
  }

  test('reach the server, with the command or without it', async () => {
    expect(await configOf('--port', '0', '--frame-max=8k')).toMatchObject({ port: 0, frameMaxBytes: 8192 })
    expect(await configOf('serve', '--default-user', '007')).toMatchObject({ defaultUser: '007' })
  })

  test('count the last time they are given', async () => {
    expect(await configOf('--port', '1', '--port', '2')).toMatchObject({ port: 2 })
  })

  test('that are switches need no value and can be turned off', async () => {
    expect(await configOf('--allow-anonymous', '--port', '3')).toMatchObject({ allowAnonymous: true, port: 3 })
    expect(await configOf('--no-allow-anonymous')).toMatchObject({ allowAnonymous: false })
  })
})

test('completion prints a script for the shell', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  expect(await run('completion')).toMatchObject({ exitCode: 0, errors: '' })
  expect(log.mock.calls.join('\n')).toContain('leveret --get-yargs-completions')
})

test('what is wrong with a command refers to the help of that command', async () => {
  expect((await run('backup')).errors).toBe(
    "leveret: Missing required argument: --to\n'leveret backup --help' shows all options.",
  )
})
