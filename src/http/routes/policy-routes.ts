/** Policies, limits of virtual hosts, and what RabbitMQ calls parameters. */

import type { JsonValue } from '../../broker/parameters/global-parameters.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { EmbeddedPolicies, PolicyInfo, PolicyOptions } from '../../embedded/embedded-policies.ts'
import type { Requirement } from '../access.ts'
import { done, json, object, put } from '../answers.ts'
import { badRequest, notFound } from '../api-error.ts'
import { integerIn, requireKeys } from '../body.ts'
import type { Call } from '../call.ts'
import { isObject, type JsonObject } from '../json.ts'
import { listOf } from '../lists/list.ts'
import { endpoint, type Route } from '../route.ts'
import { limitIn } from './user-routes.ts'

/** The first and `max-queues` are RabbitMQ's. */
const VHOST_LIMITS = {
  'max-connections': 'maxConnections',
  'max-channels': 'maxChannels',
  'max-consumers': 'maxConsumers',
  'max-queues': 'maxQueues',
  'max-exchanges': 'maxExchanges',
  'max-bindings': 'maxBindings',
  'max-unacked-bytes': 'maxUnackedBytes',
} as const

type KindOf = (broker: EmbeddedBroker) => EmbeddedPolicies
const policiesOf: KindOf = ({ policies }) => policies
const operatorPoliciesOf: KindOf = ({ operatorPolicies }) => operatorPolicies

export function policyShape(vhost: string, { name, pattern, applyTo, priority, definition }: PolicyInfo) {
  return { vhost, name, pattern, 'apply-to': applyTo, definition, priority }
}

/** RabbitMQ's checks look at the values. */
export function policyIn(body: JsonObject): PolicyOptions {
  const priority = integerIn(body, 'priority')
  return {
    pattern: body.pattern,
    definition: body.definition,
    ...(priority === undefined ? {} : { priority }),
    ...(body['apply-to'] === undefined ? {} : { applyTo: body['apply-to'] }),
  } as PolicyOptions // RabbitMQ's checks look at the values
}

function policyRoutes(path: string, of: KindOf, toWrite: Requirement): Route[] {
  const all = async (call: Call): Promise<Response> => {
    const found = (await call.vhosts()).flatMap((broker) =>
      of(broker)
        .list()
        .map((one) => policyShape(broker.name, one)),
    )
    return await listOf(call, found, ({ name }) => name)
  }
  const find = (call: Call): PolicyInfo => {
    const policy = of(call.vhost()).get(call.param('name'))
    if (policy === undefined) throw notFound()
    return policy
  }
  return [
    { path, methods: { GET: endpoint('user', all) } },
    { path: `${path}/:vhost`, methods: { GET: endpoint('vhost', all) } },
    {
      path: `${path}/:vhost/:name`,
      methods: {
        // RabbitMQ: lists are for all who may open the virtual host, but not this.
        GET: endpoint('policymaker', (call) => object(call, policyShape(call.param('vhost'), find(call)))),
        PUT: endpoint(toWrite, async (call) => {
          const policies = of(call.vhost())
          const body = await call.body()
          requireKeys(body, ['pattern', 'definition'])
          const isNew = policies.get(call.param('name')) === undefined
          await policies.set(call.param('name'), policyIn(body))
          return put(isNew)
        }),
        DELETE: endpoint(toWrite, async (call) => {
          if (!(await of(call.vhost()).delete(call.param('name')))) throw notFound()
          return done()
        }),
      },
    },
  ]
}

// --- limits of virtual hosts

function vhostLimitsOf({ limits }: EmbeddedBroker): Record<string, number> {
  const values: Readonly<Record<string, number | undefined>> = limits.get()
  return Object.fromEntries(
    Object.entries(VHOST_LIMITS).flatMap(([name, key]) => (values[key] === undefined ? [] : [[name, values[key]]])),
  )
}

async function listLimits(call: Call): Promise<Response> {
  const found = (await call.vhosts()).map((broker) => ({ vhost: broker.name, value: vhostLimitsOf(broker) }))
  return json(found.filter(({ value }) => Object.keys(value).length > 0))
}

async function putLimit(call: Call): Promise<Response> {
  await call.vhost().limits.set(await limitIn(call, VHOST_LIMITS))
  return done()
}

async function deleteLimit(call: Call): Promise<Response> {
  const { limits } = call.vhost()
  const key = Object.entries(VHOST_LIMITS).find(([name]) => name === call.param('name'))?.[1]
  if (key === undefined) throw badRequest('Unrecognised limit')
  await limits.replace(Object.fromEntries(Object.entries(limits.get()).filter(([name]) => name !== key)))
  return done()
}

// --- parameters: in RabbitMQ, limits and operator policies are some, too. Others belong to plugins that are not there.

export interface Parameter {
  readonly vhost: string
  readonly component: string
  readonly name: string
  readonly value: object
}

export function parametersOf(broker: EmbeddedBroker): Parameter[] {
  const vhost = broker.name
  const limits = vhostLimitsOf(broker)
  const ofLimits =
    Object.keys(limits).length === 0 ? [] : [{ vhost, component: 'vhost-limits', name: 'limits', value: limits }]
  const ofPolicies = broker.operatorPolicies.list().map((policy) => {
    const { name, vhost: _vhost, ...value } = policyShape(vhost, policy)
    return { vhost, component: 'operator_policy', name, value }
  })
  return [...ofLimits, ...ofPolicies]
}

/** Throws ApiError for a component that there is not. */
export async function setParameter(
  broker: EmbeddedBroker,
  component: string,
  name: string,
  value: unknown,
): Promise<void> {
  if (!isObject(value)) throw badRequest('the value of this parameter is an object')
  if (component === 'operator_policy') await broker.operatorPolicies.set(name, policyIn(value))
  else if (component === 'vhost-limits') {
    const limits = Object.entries(VHOST_LIMITS).map(([key, ours]) => [ours, integerIn(value, key)] as const)
    await broker.limits.replace(Object.fromEntries(limits.filter(([, limit]) => limit !== undefined)))
  } else throw badRequest(`Validation failed\n\ncomponent ${component.slice(0, 64)} not found\n`)
}

async function listParameters(call: Call, component?: string): Promise<Response> {
  const found = (await call.vhosts()).flatMap(parametersOf)
  return await listOf(
    call,
    found.filter((one) => component === undefined || one.component === component),
    ({ name }) => name,
  )
}

function findParameter(call: Call): Parameter {
  const [component, name] = [call.param('component'), call.param('name')]
  const found = parametersOf(call.vhost()).find((one) => one.component === component && one.name === name)
  if (found === undefined) throw notFound()
  return found
}

async function putParameter(call: Call): Promise<Response> {
  const [broker, component, name] = [call.vhost(), call.param('component'), call.param('name')]
  const body = await call.body()
  requireKeys(body, ['value'])
  const isNew = !parametersOf(broker).some((one) => one.component === component && one.name === name)
  await setParameter(broker, component, name, body.value)
  return put(isNew)
}

async function deleteParameter(call: Call): Promise<Response> {
  const { component, name } = findParameter(call)
  const broker = call.vhost()
  if (component === 'operator_policy') await broker.operatorPolicies.delete(name)
  else await broker.limits.clear()
  return done()
}

function globalParameter({ server }: Call, name: string): { readonly name: string; readonly value: JsonValue } {
  const value = server.globalParameters.get(name)
  if (value === undefined) throw notFound()
  return { name, value }
}

export const POLICY_ROUTES: readonly Route[] = [
  ...policyRoutes('/policies', policiesOf, 'policymaker'),
  ...policyRoutes('/operator-policies', operatorPoliciesOf, 'administrator'),
  { path: '/vhost-limits', methods: { GET: endpoint('user', listLimits) } },
  { path: '/vhost-limits/:vhost', methods: { GET: endpoint('visible vhost', listLimits) } },
  {
    path: '/vhost-limits/:vhost/:name',
    methods: { PUT: endpoint('administrator', putLimit), DELETE: endpoint('administrator', deleteLimit) },
  },
  { path: '/parameters', methods: { GET: endpoint('policymaker', (call) => listParameters(call)) } },
  {
    path: '/parameters/:component',
    methods: { GET: endpoint('policymaker', (call) => listParameters(call, call.param('component'))) },
  },
  {
    path: '/parameters/:component/:vhost',
    methods: { GET: endpoint('policymaker', (call) => listParameters(call, call.param('component'))) },
  },
  {
    path: '/parameters/:component/:vhost/:name',
    methods: {
      GET: endpoint('policymaker', (call) => object(call, findParameter(call))),
      PUT: endpoint('administrator', putParameter),
      DELETE: endpoint('administrator', deleteParameter),
    },
  },
  {
    path: '/global-parameters',
    methods: {
      GET: endpoint('global policymaker', (call) =>
        json(call.server.globalParameters.names().map((name) => globalParameter(call, name))),
      ),
    },
  },
  {
    path: '/global-parameters/:name',
    methods: {
      GET: endpoint('global policymaker', (call) => object(call, globalParameter(call, call.param('name')))),
      PUT: endpoint('administrator', async (call) => {
        const body = await call.body()
        requireKeys(body, ['value'])
        const isNew = call.server.globalParameters.get(call.param('name')) === undefined
        await call.server.globalParameters.set(call.param('name'), body.value as JsonValue) // it is JSON
        return put(isNew)
      }),
      DELETE: endpoint('administrator', async (call) => {
        if (!(await call.server.globalParameters.delete(call.param('name')))) throw notFound()
        return done()
      }),
    },
  },
]
