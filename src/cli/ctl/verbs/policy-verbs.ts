/** Policies, operator policies and parameters. */
import { jsonText } from '../../../lib/exact-json.ts'
import { apiPath } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'
import { givenJson, givenValue } from './given-json.ts'
import { rowsIn } from './list-verbs.ts'

interface PolicyKind {
  /** In the names of commands. */
  readonly word: string
  readonly plural: string
  /** Below `/api`. */
  readonly path: string
  readonly article: string
  readonly text: string
}

const KINDS: readonly PolicyKind[] = [
  { word: 'policy', plural: 'policies', path: '/policies', article: 'a', text: 'policy' },
  {
    word: 'operator_policy',
    plural: 'operator_policies',
    path: '/operator-policies',
    article: 'an',
    text: 'operator policy',
  },
]

async function setPolicy({ path, text }: PolicyKind, call: VerbCall): Promise<Output> {
  const name = call.text('name')
  const priority = call.text('priority')
  if (!/^-?\d{1,9}$/.test(priority)) throw new CtlFailure(CtlExit.data, `the priority is a number, not ${priority}`)
  const body = {
    pattern: call.text('pattern'),
    definition: givenJson(call.text('definition')),
    priority: Number(priority),
    'apply-to': call.text('apply-to'),
  }
  await call.broker.put(`${path}${apiPath`/${call.vhost}/${name}`}`, body)
  return { kind: 'done', text: `Setting ${text} "${name}" for vhost "${call.vhost}" ...` }
}

async function clearPolicy({ path, text }: PolicyKind, call: VerbCall): Promise<Output> {
  const name = call.text('name')
  await call.broker.delete(`${path}${apiPath`/${call.vhost}/${name}`}`)
  return { kind: 'done', text: `Clearing ${text} "${name}" on vhost "${call.vhost}" ...` }
}

async function listPolicies({ path, text }: PolicyKind, call: VerbCall): Promise<Output> {
  const rows = rowsIn(await call.broker.get(`${path}${apiPath`/${call.vhost}`}`))
  return {
    kind: 'rows',
    title: `Listing ${text === 'policy' ? 'policies' : 'operator policies'} for vhost "${call.vhost}" ...`,
    columns: ['vhost', 'name', 'pattern', 'apply-to', 'definition', 'priority'],
    rows: rows.map((row) => ({ ...row, definition: jsonText(row.definition) })),
  }
}

const OPTIONS: Verb['options'] = {
  priority: {
    type: 'string',
    requiresArg: true,
    default: '0',
    describe: 'where several policies match, the highest priority wins',
  },
  'apply-to': {
    type: 'string',
    requiresArg: true,
    default: 'all',
    describe: 'queues, classic_queues, quorum_queues, exchanges or all',
  },
}

const OF_KIND: readonly Verb[] = KINDS.flatMap((kind) => [
  {
    name: `set_${kind.word}`,
    args: '<name> <pattern> <definition>',
    describe: `set ${kind.article} ${kind.text}: a pattern of names, and a definition in JSON`,
    hasVhost: true,
    ...(OPTIONS === undefined ? {} : { options: OPTIONS }),
    run: (call: VerbCall) => setPolicy(kind, call),
  },
  {
    name: `clear_${kind.word}`,
    args: '<name>',
    describe: `remove ${kind.article} ${kind.text}`,
    hasVhost: true,
    run: (call: VerbCall) => clearPolicy(kind, call),
  },
  {
    name: `list_${kind.plural}`,
    describe: `list ${kind.text === 'policy' ? 'policies' : 'operator policies'}`,
    hasVhost: true,
    run: (call: VerbCall) => listPolicies(kind, call),
  },
])

// --- parameters

async function listParameters(call: VerbCall): Promise<Output> {
  const rows = rowsIn(await call.broker.get('/parameters')).filter(({ vhost }) => vhost === call.vhost)
  return {
    kind: 'rows',
    title: `Listing runtime parameters for vhost "${call.vhost}" ...`,
    columns: ['component', 'name', 'value'],
    rows: rows.map((row) => ({ ...row, value: jsonText(row.value) })),
  }
}

async function setParameter(call: VerbCall): Promise<Output> {
  const [component, name] = [call.text('component'), call.text('name')]
  const value = givenValue(call.text('value'))
  await call.broker.put(apiPath`/parameters/${component}/${call.vhost}/${name}`, { value })
  return { kind: 'done', text: `Setting runtime parameter "${name}" of ${component} in vhost "${call.vhost}" ...` }
}

async function clearParameter(call: VerbCall): Promise<Output> {
  const [component, name] = [call.text('component'), call.text('name')]
  await call.broker.delete(apiPath`/parameters/${component}/${call.vhost}/${name}`)
  return { kind: 'done', text: `Clearing runtime parameter "${name}" of ${component} in vhost "${call.vhost}" ...` }
}

async function listGlobal({ broker }: VerbCall): Promise<Output> {
  const rows = rowsIn(await broker.get('/global-parameters'))
  return {
    kind: 'rows',
    title: 'Listing global runtime parameters ...',
    columns: ['name', 'value'],
    rows: rows.map((row) => ({ ...row, value: jsonText(row.value) })),
  }
}

async function setGlobal(call: VerbCall): Promise<Output> {
  const name = call.text('name')
  await call.broker.put(apiPath`/global-parameters/${name}`, { value: givenValue(call.text('value')) })
  return { kind: 'done', text: `Setting global runtime parameter "${name}" ...` }
}

async function clearGlobal(call: VerbCall): Promise<Output> {
  const name = call.text('name')
  await call.broker.delete(apiPath`/global-parameters/${name}`)
  return { kind: 'done', text: `Clearing global runtime parameter "${name}" ...` }
}

export const POLICY_VERBS: readonly Verb[] = [
  ...OF_KIND,
  { name: 'list_parameters', describe: 'list the parameters of a virtual host', hasVhost: true, run: listParameters },
  {
    name: 'set_parameter',
    args: '<component> <name> <value>',
    describe: 'set a parameter of a virtual host to a JSON value',
    hasVhost: true,
    run: setParameter,
  },
  {
    name: 'clear_parameter',
    args: '<component> <name>',
    describe: 'remove a parameter of a virtual host',
    hasVhost: true,
    run: clearParameter,
  },
  { name: 'list_global_parameters', describe: 'list the parameters of the server', run: listGlobal },
  {
    name: 'set_global_parameter',
    args: '<name> <value>',
    describe: 'set a parameter of the server to a JSON value',
    run: setGlobal,
  },
  { name: 'clear_global_parameter', args: '<name>', describe: 'remove a parameter of the server', run: clearGlobal },
]
