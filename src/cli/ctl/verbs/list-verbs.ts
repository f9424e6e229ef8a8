/** The commands that list things, with rabbitmqctl's columns. */
import { apiPath } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Row, Verb, VerbCall } from '../verb.ts'
import { BINDINGS, CHANNELS, CONNECTIONS, CONSUMERS, type Columns, EXCHANGES, QUEUES, VHOSTS } from './columns.ts'

interface Listing {
  readonly name: string
  readonly what: string
  readonly columns: Columns
  /** Below `/api`. */
  readonly path: (call: VerbCall) => string
  readonly options?: Verb['options']
  readonly hasVhost?: boolean
  readonly isShown?: (row: Row, call: VerbCall) => boolean
}

const HERE = {
  type: 'boolean',
  describe: 'accepted for scripts: there is one node, and all that it has is there',
} as const

const LISTINGS: readonly Listing[] = [
  {
    name: 'list_queues',
    what: 'queues',
    columns: QUEUES,
    path: ({ vhost }) => apiPath`/queues/${vhost}`,
    hasVhost: true,
    options: {
      online: HERE,
      local: HERE,
      offline: { type: 'boolean', describe: 'queues that cannot be used: there are none' },
    },
    isShown: (_row, call) => !call.flag('offline'),
  },
  {
    name: 'list_exchanges',
    what: 'exchanges',
    columns: EXCHANGES,
    path: ({ vhost }) => apiPath`/exchanges/${vhost}`,
    hasVhost: true,
  },
  {
    name: 'list_bindings',
    what: 'bindings',
    columns: BINDINGS,
    path: ({ vhost }) => apiPath`/bindings/${vhost}`,
    hasVhost: true,
  },
  { name: 'list_connections', what: 'connections', columns: CONNECTIONS, path: () => '/connections' },
  { name: 'list_channels', what: 'channels', columns: CHANNELS, path: () => '/channels' },
  {
    name: 'list_consumers',
    what: 'consumers',
    columns: CONSUMERS,
    path: ({ vhost }) => apiPath`/consumers/${vhost}`,
    hasVhost: true,
  },
  { name: 'list_vhosts', what: 'virtual hosts', columns: VHOSTS, path: () => '/vhosts' },
]

export const LIST_VERBS: readonly Verb[] = LISTINGS.map((listing) => {
  const { name, what, columns, options = {}, hasVhost = false } = listing
  return {
    name,
    args: '[columns..]',
    describe: `list ${what}`,
    more: `Columns: ${Object.keys(columns.known).join(', ')}.`,
    options,
    hasVhost,
    run: (call) => listed(listing, call),
  }
})

async function listed(
  { what, columns, path, hasVhost, isShown = () => true }: Listing,
  call: VerbCall,
): Promise<Output> {
  const asked = call.words('columns')
  const names = asked.length === 0 ? columns.usual : asked
  const unknown = names.filter((name) => !Object.hasOwn(columns.known, name))
  if (unknown.length > 0) {
    const known = Object.keys(columns.known).join(', ')
    throw new CtlFailure(CtlExit.usage, `no such column: ${unknown.join(', ')}; there are ${known}`)
  }
  const found = rowsIn(await call.broker.get(path(call)))
  return {
    kind: 'rows',
    title: hasVhost ? `Listing ${what} for vhost ${call.vhost} ...` : `Listing ${what} ...`,
    columns: names,
    rows: found
      .filter((row) => isShown(row, call))
      .map((row) => Object.fromEntries(names.map((name) => [name, columns.known[name]?.(row)]))),
  }
}

/** What the management API answers with lists. */
export function rowsIn(answer: unknown): readonly Row[] {
  if (Array.isArray(answer)) return answer as Row[] // the API has objects in its lists
  throw new CtlFailure(CtlExit.software, 'the broker has answered with something else than a list')
}
