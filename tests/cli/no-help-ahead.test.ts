import { expect, test, vi } from 'vitest'
import yargs from 'yargs'
import { makeNoHelpAhead } from '../../src/cli/no-help-ahead.ts'

interface Usage {
  help(): string
}

function program(ran: string[]) {
  return yargs()
    .scriptName('program')
    .exitProcess(false)
    .command(
      'go <where>',
      'goes there',
      (go) => go.positional('where', { type: 'string' }).option('fast', { type: 'boolean' }),
      ({ where }) => void ran.push(where ?? ''),
    )
    .command('stay', 'goes nowhere', {}, async () => void ran.push('here'))
    .strict()
    .fail((message) => {
      throw new Error(message)
    })
}

async function outputOf(cli: ReturnType<typeof program>, args: string[]): Promise<string> {
  const output: string[] = []
  await cli.parseAsync(args, {}, (_error, _parsed, text) => void output.push(text))
  return output.join('')
}

test('no help is made for a command that runs', async () => {
  const ran: string[] = []
  const cli = makeNoHelpAhead(program(ran))
  // The types of yargs do not tell of it.
  const internals = cli as unknown as { getInternalMethods(): { getUsageInstance(): Usage } }
  const help = vi.spyOn(internals.getInternalMethods().getUsageInstance(), 'help')
  expect(await outputOf(cli, ['go', 'home'])).toBe('')
  expect(await outputOf(cli, ['stay'])).toBe('')
  expect(ran).toEqual(['home', 'here'])
  expect(help).not.toHaveBeenCalled()
})

test.each([[['--help']], [['go', '--help']], [['stay', '--help']], [['go', 'home', '--help']]])(
  'who asks for help gets it: %s',
  async (args) => {
    const asked = await outputOf(makeNoHelpAhead(program([])), args)
    expect(asked).toContain('--help')
    expect(asked).toBe(await outputOf(program([]), args))
  },
)

test('commands run with a yargs that makes its help in another way', () => {
  const others = [
    {},
    { getInternalMethods: () => ({}) },
    { getInternalMethods: () => ({ getUsageInstance: () => Object.freeze({}) }) },
  ]
  for (const other of others) expect(makeNoHelpAhead(other)).toBe(other)
})
