// The requests that are made of both brokers: every GET that we answer, filled in with names, every GET that RabbitMQ answers and
// we may not, and what a query can ask for.
import { ROUTES } from '../../../src/http/routes/all-routes.ts'
import { type GivenNames, VHOST } from './side.ts'

/** What stands for the parameters of a path, where the brokers do not give the names. */
const NAMES: Readonly<Record<string, string>> = {
  vhost: VHOST,
  queue: 'busy',
  exchange: 'topic',
  source: 'topic',
  destinationExchange: 'headers',
  props: 'key',
  user: 'shaper',
  username: 'guest',
  component: 'operator_policy',
  name: 'limit',
  protocols: 'amqp',
  within: '1',
  password: 'secret',
  pattern: '.*',
  unit: 'weeks',
}

/** Where the names above name nothing. */
const OTHER_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/topic-permissions/:vhost/:user/:exchange': { exchange: 'amq.topic' },
  '/global-parameters/:name': { name: 'site' },
  '/bindings/:vhost/e/:source/e/:destinationExchange/:props': { props: '~' },
}

/** RabbitMQ's own, of which we have some. */
const RABBITMQ_PATHS = [
  '/auth/attempts/:node',
  '/federation-links',
  '/nodes/:node/memory/ets',
  '/nodes/:node/memory/relative',
  '/shovels',
  '/stream/connections',
  '/stream/consumers/:vhost',
]

const VARIANTS = [
  '/bindings/:vhost/e/amq.default/q/:queue',
  '/channels?page=1',
  '/connections?columns=name,client_properties.connection_name',
  '/exchanges/:vhost/amq.default',
  '/exchanges/:vhost/headers/bindings/destination',
  '/exchanges/:vhost?page=1&page_size=3&name=amq',
  '/exchanges/:vhost/:exchange?msg_rates_age=10&msg_rates_incr=5',
  '/health/checks/port-listener/1',
  '/health/checks/port-listener/none',
  '/health/checks/protocol-listener/mqtt',
  '/health/checks/certificate-expiration/1/ages',
  '/nodes/none@nowhere',
  '/nothing',
  '/overview?lengths_age=10&lengths_incr=5&msg_rates_age=10&msg_rates_incr=5',
  '/overview?columns=node,queue_totals.messages',
  '/parameters/vhost-limits/:vhost/limits',
  '/permissions/:vhost/none',
  '/policies/:vhost/none',
  '/queues/:vhost/active',
  '/queues/:vhost/alone',
  '/queues/:vhost/idle',
  '/queues/:vhost/none',
  '/queues/:vhost/own',
  '/queues/:vhost/quorum',
  '/queues/:vhost/:queue?disable_stats=true',
  '/queues/:vhost/:queue?lengths_age=10&lengths_incr=5&msg_rates_age=10&msg_rates_incr=5',
  '/queues/none',
  '/queues?page=99',
  '/queues?page=x',
  '/queues?page=1&page_size=501',
  '/queues?page=1&name=%5E%5B&use_regex=true',
  '/queues?sort=none.such',
  '/queues?sort=message_stats.publish_details.rate&sort_reverse=true&columns=name',
  '/queues?disable_stats=true&enable_queue_totals=true',
  '/queues/:vhost?page=1&sort=messages',
  '/users/guest',
  '/users/none',
  '/users/none/permissions',
  '/users/none/queues',
  '/vhosts/none',
  '/vhosts/none/permissions',
  '/vhosts?columns=name',
]

export const REQUESTS: readonly string[] = [
  ...new Set([
    ...ROUTES.filter(({ methods }) => methods.GET !== undefined).map(({ path }) => path),
    ...RABBITMQ_PATHS,
    ...VARIANTS,
  ]),
]

export function pathOf(request: string, given: GivenNames): string {
  const names: Readonly<Record<string, string>> = { ...NAMES, ...OTHER_NAMES[request], ...given }
  return request.replace(/:([a-zA-Z]+)/g, (_, parameter: string) => {
    const name = names[parameter]
    if (name === undefined) throw new Error(`${request}: no name for ${parameter}`)
    return encodeURIComponent(name)
  })
}
