import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FORMATTERS, outputText } from '../../src/cli/ctl/output.ts'
import { VERBS } from '../../src/cli/ctl/verbs/all-verbs.ts'
import { CtlBroker } from './ctl-broker.ts'

const ROWS = {
  kind: 'rows',
  title: 'Listing things ...',
  columns: ['name', 'tags', 'arguments'],
  rows: [
    { name: 'a\tb\u202e', tags: ['x', 'y'], arguments: { 'x-max-length': 10, deep: { list: [1, 'two'] } } },
    { name: 'say "hi", please', tags: [], arguments: {} },
  ],
} as const

const options = (formatter: (typeof FORMATTERS)[number]) => ({ formatter, isQuiet: false, hasHeaders: true })

describe('rows', () => {
  test('as a table have a title, names and one line each; what could confuse a terminal is escaped', () => {
    expect(outputText(ROWS, options('table'))?.split('\n')).toEqual([
      'Listing things ...',
      'name\ttags\targuments',
      'a\\tb\\u202e\t[x, y]\t[{"x-max-length",10},{"deep",[{"list",[1, two]}]}]',
      'say "hi", please\t[]\t[]',
    ])
  })

  test('as a table may be without title and names', () => {
    const lines = (isQuiet: boolean, hasHeaders: boolean) =>
      outputText(ROWS, { formatter: 'table', isQuiet, hasHeaders })?.split('\n').length
    expect([lines(false, true), lines(true, true), lines(true, false)]).toEqual([4, 3, 2])
  })

  test('as JSON are objects with the columns alone', () => {
    const rows = JSON.parse(outputText({ ...ROWS, columns: ['name', 'gone'] }, options('json')) ?? '')
    expect(rows).toEqual([
      { name: 'a\tb\u202e', gone: '' },
      { name: 'say "hi", please', gone: '' },
    ])
  })

  test('as CSV are quoted where that is needed', () => {
    expect(outputText({ ...ROWS, columns: ['name', 'tags'] }, options('csv'))).toBe(
      'name,tags\na\tb\u202e,"[x, y]"\n"say ""hi"", please",[]',
    )
  })
})

describe('what is done', () => {
  const DONE = { kind: 'done', text: 'Adding user ...' } as const

  test('is told to people, and to programs that ask for JSON', () => {
    expect(outputText(DONE, options('table'))).toBe('Adding user ...')
    expect(outputText(DONE, { ...options('table'), isQuiet: true })).toBeUndefined()
    expect(outputText(DONE, options('json'))).toBe('{"result":"ok"}')
    expect(outputText(DONE, options('csv'))).toBeUndefined()
  })
})

/** Commands that show something and change nothing. */
const SHOWING = VERBS.filter(({ name }) =>
  /^(?:list_|status$|cluster_status|version|server_version|alarms|listeners|memory_|environment)/.test(name),
)

describe.each(SHOWING.map(({ name, args = '' }) => [name, args.startsWith('<username>') ? ['guest'] : []] as const))(
  '%s',
  (verb, args) => {
    let broker: CtlBroker
    beforeAll(async () => {
      broker = await CtlBroker.start()
      broker.started.broker.declareQueue('q', { arguments: { 'x-max-length': 3 } })
    })
    afterAll(() => broker.stop())

    test.each(FORMATTERS)('as %s', async (formatter) => {
      const { code, lines, errors } = await broker.run([verb, ...args, '--formatter', formatter])
      expect({ code, errors }).toEqual({ code: 0, errors: '' })
      const isList = verb.startsWith('list_')
      if (formatter === 'json') expect(Array.isArray(JSON.parse(lines.join('\n')))).toBe(isList)
      if (formatter === 'table' && isList) expect(lines[0]).toMatch(/^Listing .* \.\.\.$/)
      if (formatter === 'csv') expect(lines[0]).toMatch(isList ? /^[a-z_-]+(?:,[a-z_-]+)*$/ : /^key,value$/)
    })
  },
)

test.each([
  'list_queues',
  'list_exchanges',
  'list_bindings',
  'list_vhosts',
  'list_connections',
  'list_channels',
  'list_consumers',
])('%s shows every column that its help names', async (verb) => {
  const broker = await CtlBroker.start()
  broker.started.broker.declareQueue('q')
  const more = VERBS.find(({ name }) => name === verb)?.more ?? ''
  const columns = more.replace(/^Columns: |\.$/g, '').split(', ')
  expect(columns.length).toBeGreaterThan(5)
  expect((await broker.lines(verb, ...columns, '--formatter', 'csv'))[0]).toBe(columns.join(','))
  await broker.stop()
})
