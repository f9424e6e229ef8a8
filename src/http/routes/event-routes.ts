/** What was made, changed and removed lately. RabbitMQ has no such endpoint: it has an exchange for it, by a plugin. */
import type { EmbeddedStatistics } from '../../embedded/embedded-statistics.ts'
import { isAdministrator, isPolicymaker, openVhosts } from '../access.ts'
import { json } from '../answers.ts'
import { badRequest } from '../api-error.ts'
import type { Call } from '../call.ts'
import { endpoint, type Route } from '../route.ts'

type BrokerEvent = ReturnType<EmbeddedStatistics['events']>[number]

const EVENTS = 100
const EVENTS_MAX = 1000

function numberIn({ query }: Call, name: string, usual: number, max: number): number {
  const text = query.get(name)
  if (text === null) return usual
  const value = Number(text)
  if (!/^\d{1,15}$/.test(text) || value > max) throw badRequest(`${name} must be a number from 0 to ${max}`)
  return value
}

/**
 * Monitors see all but what is hidden from them elsewhere: users and permissions are for administrators, policies for policymakers who may
 * open their virtual host, and global parameters for any policymaker.
 */
async function listEvents(call: Call): Promise<Response> {
  const [limit, after] = [
    numberIn(call, 'limit', EVENTS, EVENTS_MAX),
    numberIn(call, 'after', 0, Number.MAX_SAFE_INTEGER),
  ]
  const events = call.server.statistics.events(Number.POSITIVE_INFINITY, after)
  const seen = isAdministrator(call.user) ? events : events.filter(await visibleTo(call))
  return json(seen.slice(0, limit).map(({ id, name, atMs, about }) => ({ id, event: name, timestamp: atMs, ...about })))
}

async function visibleTo({ server, user, peerAddress }: Call): Promise<(event: BrokerEvent) => boolean> {
  const makesPolicies = isPolicymaker(user)
  const open = new Set(makesPolicies ? await openVhosts(server, user, peerAddress) : [])
  return ({ name, about }) => {
    if (/^(?:user|permission|topic)\./.test(name)) return false
    if (name.startsWith('policy.')) return open.has(about.vhost ?? '')
    return !name.startsWith('parameter.') || makesPolicies
  }
}

export const EVENT_ROUTES: readonly Route[] = [{ path: '/events', methods: { GET: endpoint('monitor', listEvents) } }]
