/** Bindings in all their forms. */
import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { BindingInfo } from '../../embedded/embedded-inventory.ts'
import { created, done, object } from '../answers.ts'
import { badRequest, notFound } from '../api-error.ts'
import { objectIn, textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { list } from '../lists/list.ts'
import { compareTexts } from '../lists/sort.ts'
import { endpoint, type Route } from '../route.ts'
import { bindingShape, propertiesKey } from '../shapes/topology-shapes.ts'

interface Row {
  readonly vhost: string
  readonly binding: BindingInfo
}

type Bindings = (broker: EmbeddedBroker, call: Call) => Iterable<BindingInfo>

function* rowsOf(brokers: readonly EmbeddedBroker[], call: Call, bindings: Bindings): Iterable<Row> {
  for (const broker of brokers) {
    if (!call.isThere(broker)) continue
    for (const binding of bindings(broker, call)) yield { vhost: broker.name, binding }
  }
}

const listBindings =
  (bindings: Bindings) =>
  async (call: Call): Promise<Response> => {
    const brokers = await call.vhosts()
    return await list<Row>(call, {
      rows: () => rowsOf(brokers, call, bindings),
      name: ({ binding }) => binding.source,
      compare: (a, b) =>
        compareTexts(a.vhost, b.vhost) ||
        compareTexts(a.binding.source, b.binding.source) ||
        compareTexts(a.binding.destination, b.binding.destination) ||
        compareTexts(a.binding.routingKey, b.binding.routingKey),
      object: ({ vhost, binding }) => bindingShape(vhost, binding),
      isWhole: true,
    })
  }

type Destination = BindingInfo['destinationType']

/** Throws ApiError when one of both ends is missing. */
function* between(call: Call, destinationType: Destination): Iterable<BindingInfo> {
  const { broker, source, destination } = ends(call, destinationType)
  for (const binding of broker.inventory.bindingsTo({ destination, destinationType })) {
    if (binding.source === source) yield binding
  }
}

function ends(call: Call, destinationType: Destination) {
  const broker = call.vhost()
  const source = call.param('source')
  const destination = call.param(destinationType === 'queue' ? 'queue' : 'destinationExchange')
  const found = destinationType === 'queue' ? broker.queueInfo(destination) : broker.exchangeInfo(destination)
  if (broker.exchangeInfo(source) === undefined || found === undefined) throw notFound()
  return { broker, source, destination }
}

function find(call: Call, destinationType: Destination): BindingInfo {
  const key = call.param('props')
  for (const binding of between(call, destinationType)) if (propertiesKey(binding) === key) return binding
  throw notFound()
}

const bind =
  (destinationType: Destination) =>
  async (call: Call): Promise<Response> => {
    const { source, destination } = ends(call, destinationType)
    const broker = call.vhostAsUser()
    const body = await call.body()
    const routingKey = body.routing_key === null ? 'null' : (textIn(body, 'routing_key') ?? '')
    const table = objectIn(body, 'arguments') as PlainTable // JSON is one
    if (destinationType === 'queue') broker.bindQueue(destination, source, routingKey, table)
    else broker.bindExchange(destination, source, routingKey, table)
    await broker.whenDurable()
    const key = propertiesKey({ routingKey, arguments: table })
    return created(`${encodeURIComponent(destination)}/${encodeURIComponent(key)}`)
  }

const unbind =
  (destinationType: Destination) =>
  async (call: Call): Promise<Response> => {
    const { source, destination, routingKey, arguments: table } = find(call, destinationType)
    if (source === '') throw badRequest('operation not permitted on the default exchange')
    const broker = call.vhostAsUser()
    if (destinationType === 'queue') broker.unbindQueue(destination, source, routingKey, table)
    else broker.unbindExchange(destination, source, routingKey, table)
    await broker.whenDurable()
    return done()
  }

function routesBetween(destinationType: Destination, path: string): Route[] {
  return [
    {
      path,
      methods: {
        GET: endpoint(
          'vhost',
          listBindings((_broker, call) => between(call, destinationType)),
        ),
        POST: endpoint('vhost', bind(destinationType)),
      },
    },
    {
      path: `${path}/:props`,
      methods: {
        GET: endpoint('vhost', (call) => object(call, bindingShape(call.param('vhost'), find(call, destinationType)))),
        DELETE: endpoint('vhost', unbind(destinationType)),
      },
    },
  ]
}

const all = listBindings(({ inventory }) => inventory.bindings())

export const BINDING_ROUTES: readonly Route[] = [
  { path: '/bindings', methods: { GET: endpoint('user', all) } },
  { path: '/bindings/:vhost', methods: { GET: endpoint('visible vhost', all) } },
  ...routesBetween('queue', '/bindings/:vhost/e/:source/q/:queue'),
  ...routesBetween('exchange', '/bindings/:vhost/e/:source/e/:destinationExchange'),
  {
    path: '/exchanges/:vhost/:exchange/bindings/source',
    methods: {
      GET: endpoint(
        'vhost',
        listBindings(({ inventory }, call) => inventory.bindingsFrom(call.param('exchange'))),
      ),
    },
  },
  {
    path: '/exchanges/:vhost/:exchange/bindings/destination',
    methods: {
      GET: endpoint(
        'vhost',
        listBindings(({ inventory }, call) =>
          inventory.bindingsTo({ destination: call.param('exchange'), destinationType: 'exchange' }),
        ),
      ),
    },
  },
  {
    path: '/queues/:vhost/:queue/bindings',
    methods: {
      GET: endpoint(
        'vhost',
        listBindings(({ inventory }, call) =>
          inventory.bindingsTo({ destination: call.param('queue'), destinationType: 'queue' }),
        ),
      ),
    },
  },
]
