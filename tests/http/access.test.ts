// Every endpoint, asked by users with every tag, with and without permissions in the virtual host.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROUTES } from '../../src/http/routes/all-routes.ts'
import { ApiClient } from './api-client.ts'

/** Who may use an endpoint: written down here once more, by hand, from RabbitMQ's documentation. */
type Audience =
  | 'everyone'
  | 'tagged'
  | 'monitor'
  | 'administrator'
  | 'in vhost'
  | 'sees vhost'
  | 'policymaker in vhost'
  | 'policymaker'

const AUDIENCES: Readonly<Record<string, Audience>> = {
  'GET /openapi.json': 'everyone',
  'GET /overview': 'tagged',
  'GET /cluster-name': 'tagged',
  'PUT /cluster-name': 'administrator',
  'GET /nodes': 'monitor',
  'GET /nodes/:node': 'monitor',
  'GET /nodes/:node/memory': 'monitor',
  'GET /extensions': 'tagged',
  'GET /whoami': 'tagged',
  'GET /auth': 'everyone',
  'POST /login': 'everyone',
  'POST /auth/hash_password': 'administrator',
  'GET /auth/hash_password/:password': 'administrator',
  'POST /auth/hash_password/:password': 'administrator',
  'GET /auth/attempts/:node': 'monitor',
  'DELETE /auth/attempts/:node': 'monitor',
  'GET /auth/attempts/:node/source': 'monitor',
  'DELETE /auth/attempts/:node/source': 'monitor',
  'GET /events': 'monitor',
  'GET /health/live': 'everyone',
  'GET /health/ready': 'everyone',
  'GET /nodes/:node/memory/relative': 'monitor',
  'GET /health/checks/metadata-store/initialized/with-data': 'tagged',
  'GET /health/checks/reached-target-cluster-size': 'tagged',
  'GET /health/checks/quorum-queues-without-elected-leaders/all-vhosts': 'tagged',
  'GET /health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/:pattern': 'tagged',
  'GET /health/checks/quorum-queues-without-elected-leaders/vhost/:vhost': 'tagged',
  'GET /health/checks/quorum-queues-without-elected-leaders/vhost/:vhost/pattern/:pattern': 'tagged',
  'GET /healthchecks/node/:node': 'tagged',
  'GET /topic-permissions/:vhost/:user/:exchange': 'administrator',
  'DELETE /topic-permissions/:vhost/:user/:exchange': 'administrator',
  'GET /version': 'tagged',
  'GET /config/effective': 'administrator',
  'GET /feature-flags': 'tagged',
  'PUT /feature-flags/:name/enable': 'administrator',
  'GET /deprecated-features': 'tagged',
  'GET /deprecated-features/used': 'tagged',
  'DELETE /reset': 'administrator',
  'DELETE /reset/:node': 'administrator',
  'POST /rebalance/queues': 'administrator',
  'POST /vhosts/:vhost/start/:node': 'administrator',
  'GET /health/checks/alarms': 'tagged',
  'GET /health/checks/local-alarms': 'tagged',
  'GET /health/checks/certificate-expiration/:within/:unit': 'tagged',
  'GET /health/checks/port-listener/:port': 'tagged',
  'GET /health/checks/protocol-listener/:protocols': 'tagged',
  'GET /health/checks/virtual-hosts': 'tagged',
  'GET /health/checks/node-is-mirror-sync-critical': 'tagged',
  'GET /health/checks/node-is-quorum-critical': 'tagged',
  'GET /health/checks/warnings': 'tagged',
  'GET /health/checks/is-in-service': 'tagged',
  'GET /health/checks/below-node-connection-limit': 'tagged',
  'GET /health/checks/ready-to-serve-clients': 'tagged',
  'GET /health/checks/metadata-store/initialized': 'tagged',
  'GET /healthchecks/node': 'tagged',
  'GET /aliveness-test/:vhost': 'in vhost',
  'GET /queues': 'tagged',
  'GET /queues/detailed': 'tagged',
  'GET /queues/:vhost': 'sees vhost',
  'GET /queues/:vhost/:queue': 'in vhost',
  'PUT /queues/:vhost/:queue': 'in vhost',
  'DELETE /queues/:vhost/:queue': 'in vhost',
  'DELETE /queues/:vhost/:queue/contents': 'in vhost',
  'POST /queues/:vhost/:queue/actions': 'in vhost',
  'POST /queues/:vhost/:queue/get': 'in vhost',
  'GET /queues/:vhost/:queue/peek': 'in vhost',
  'GET /queues/quorum/:vhost/:queue/status': 'in vhost',
  'GET /queues/:vhost/:queue/bindings': 'in vhost',
  'GET /exchanges': 'tagged',
  'GET /exchanges/:vhost': 'sees vhost',
  'GET /exchanges/:vhost/:exchange': 'in vhost',
  'PUT /exchanges/:vhost/:exchange': 'in vhost',
  'DELETE /exchanges/:vhost/:exchange': 'in vhost',
  'GET /exchanges/:vhost/:exchange/bindings/source': 'in vhost',
  'GET /exchanges/:vhost/:exchange/bindings/destination': 'in vhost',
  'POST /exchanges/:vhost/:exchange/publish': 'in vhost',
  'GET /bindings': 'tagged',
  'GET /bindings/:vhost': 'sees vhost',
  'GET /bindings/:vhost/e/:source/q/:queue': 'in vhost',
  'POST /bindings/:vhost/e/:source/q/:queue': 'in vhost',
  'GET /bindings/:vhost/e/:source/q/:queue/:props': 'in vhost',
  'DELETE /bindings/:vhost/e/:source/q/:queue/:props': 'in vhost',
  'GET /bindings/:vhost/e/:source/e/:destinationExchange': 'in vhost',
  'POST /bindings/:vhost/e/:source/e/:destinationExchange': 'in vhost',
  'GET /bindings/:vhost/e/:source/e/:destinationExchange/:props': 'in vhost',
  'DELETE /bindings/:vhost/e/:source/e/:destinationExchange/:props': 'in vhost',
  'GET /connections': 'tagged',
  'GET /connections/username/:username': 'tagged',
  'DELETE /connections/username/:username': 'administrator',
  'GET /connections/:connection': 'tagged',
  'DELETE /connections/:connection': 'tagged',
  'GET /connections/:connection/channels': 'tagged',
  'GET /connections/:connection/sessions': 'tagged',
  'GET /vhosts/:vhost/connections': 'sees vhost',
  'GET /vhosts/:vhost/channels': 'sees vhost',
  'GET /channels': 'tagged',
  'GET /channels/:channel': 'tagged',
  'GET /consumers': 'tagged',
  'GET /consumers/:vhost': 'sees vhost',
  'DELETE /consumers/:vhost/:connection/:channel/:tag': 'in vhost',
  'GET /vhosts': 'tagged',
  'GET /vhosts/:vhost': 'sees vhost',
  'PUT /vhosts/:vhost': 'administrator',
  'DELETE /vhosts/:vhost': 'administrator',
  'POST /vhosts/:vhost/deletion/protection': 'administrator',
  'DELETE /vhosts/:vhost/deletion/protection': 'administrator',
  'GET /vhosts/:vhost/permissions': 'administrator',
  'GET /vhosts/:vhost/topic-permissions': 'administrator',
  'GET /permissions': 'administrator',
  'GET /permissions/:vhost/:user': 'administrator',
  'PUT /permissions/:vhost/:user': 'administrator',
  'DELETE /permissions/:vhost/:user': 'administrator',
  'GET /topic-permissions': 'administrator',
  'GET /topic-permissions/:vhost/:user': 'administrator',
  'PUT /topic-permissions/:vhost/:user': 'administrator',
  'DELETE /topic-permissions/:vhost/:user': 'administrator',
  'GET /users': 'administrator',
  'GET /users/without-permissions': 'administrator',
  'POST /users/bulk-delete': 'administrator',
  'GET /users/:user': 'administrator',
  'PUT /users/:user': 'administrator',
  'DELETE /users/:user': 'administrator',
  'GET /users/:user/permissions': 'administrator',
  'GET /users/:user/queues': 'tagged',
  'GET /users/:user/topic-permissions': 'administrator',
  'GET /user-limits': 'administrator',
  'GET /user-limits/:user': 'administrator',
  'PUT /user-limits/:user/:name': 'administrator',
  'DELETE /user-limits/:user/:name': 'administrator',
  'GET /policies': 'tagged',
  'GET /policies/:vhost': 'in vhost',
  'GET /policies/:vhost/:name': 'policymaker in vhost',
  'PUT /policies/:vhost/:name': 'policymaker in vhost',
  'DELETE /policies/:vhost/:name': 'policymaker in vhost',
  'GET /operator-policies': 'tagged',
  'GET /operator-policies/:vhost': 'in vhost',
  'GET /operator-policies/:vhost/:name': 'policymaker in vhost',
  'PUT /operator-policies/:vhost/:name': 'administrator',
  'DELETE /operator-policies/:vhost/:name': 'administrator',
  'GET /vhost-limits': 'tagged',
  'GET /vhost-limits/:vhost': 'sees vhost',
  'PUT /vhost-limits/:vhost/:name': 'administrator',
  'DELETE /vhost-limits/:vhost/:name': 'administrator',
  'GET /parameters': 'policymaker',
  'GET /parameters/:component': 'policymaker',
  'GET /parameters/:component/:vhost': 'policymaker in vhost',
  'GET /parameters/:component/:vhost/:name': 'policymaker in vhost',
  'PUT /parameters/:component/:vhost/:name': 'administrator',
  'DELETE /parameters/:component/:vhost/:name': 'administrator',
  'GET /global-parameters': 'policymaker',
  'GET /global-parameters/:name': 'policymaker',
  'PUT /global-parameters/:name': 'administrator',
  'DELETE /global-parameters/:name': 'administrator',
  'GET /definitions': 'administrator',
  'POST /definitions': 'administrator',
  'GET /all-configuration': 'administrator',
  'POST /all-configuration': 'administrator',
  'GET /definitions/:vhost': 'administrator',
  'POST /definitions/:vhost': 'administrator',
}

const TAGS = ['administrator', 'monitoring', 'policymaker', 'management', 'impersonator', 'none'] as const
type Tag = (typeof TAGS)[number]

function isAllowed(audience: Audience, tag: Tag, hasPermission: boolean): boolean {
  if (tag === 'administrator' || audience === 'everyone') return true
  if (tag === 'impersonator' || tag === 'none') return false
  switch (audience) {
    case 'tagged':
      return true
    case 'monitor':
      return tag === 'monitoring'
    case 'administrator':
      return false
    case 'in vhost':
      return hasPermission
    case 'sees vhost':
      return hasPermission || tag === 'monitoring'
    case 'policymaker in vhost':
      return tag === 'policymaker' && hasPermission
    case 'policymaker':
      return tag === 'policymaker'
    default:
      return audience satisfies never
  }
}

const ENDPOINTS = ROUTES.flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`))

/** Names that are not there, but for the virtual host: nothing is changed for the next request. */
function concrete(path: string): string {
  return path.replace(':vhost', 'v').replace(/:\w+/g, (name) => `no-${name.slice(1)}`)
}

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
  await api.put('/vhosts/v')
  for (const tag of TAGS) {
    for (const user of [`${tag}-in`, `${tag}-out`]) {
      await api.put(`/users/${user}`, { password: 'secret', tags: tag === 'none' ? '' : tag })
    }
    await api.put(`/permissions/v/${tag}-in`, { configure: '', write: '', read: '' })
  }
})

afterAll(() => api.stop())

describe('endpoints', () => {
  test('are all in the table of who may use them', () => {
    expect([...ENDPOINTS].sort()).toEqual(Object.keys(AUDIENCES).sort())
  })

  test.each(ENDPOINTS)('%s is for those whom RabbitMQ lets', async (name) => {
    const [method = '', path = ''] = name.split(' ')
    const audience = AUDIENCES[name] as Audience // the first test sees to it
    if (path.startsWith('/vhosts/:vhost') && method !== 'GET') return // `v` is needed by all others
    for (const tag of TAGS) {
      for (const place of ['in', 'out'] as const) {
        const reply = await api.request(method, concrete(path), method === 'GET' ? undefined : {}, {
          login: `${tag}-${place}:secret`,
        })
        const isRefused = reply.status === 401 && /^(?:Not |User not)/.test(reply.body.reason)
        expect({ tag, place, isRefused, status: reply.status }).toMatchObject({
          isRefused: !isAllowed(audience, tag, place === 'in'),
        })
        expect(reply.status).not.toBe(500)
      }
    }
  })

  test('of virtual hosts that change them are for administrators', async () => {
    for (const tag of TAGS.filter((one) => one !== 'administrator')) {
      for (const [method, path] of [
        ['PUT', '/vhosts/other'],
        ['DELETE', '/vhosts/v'],
        ['POST', '/vhosts/v/deletion/protection'],
        ['DELETE', '/vhosts/v/deletion/protection'],
        ['POST', '/vhosts/v/start/no-node'],
      ] as const) {
        const reply = await api.request(method, path, {}, { login: `${tag}-in:secret` })
        expect([tag, path, reply.status]).toEqual([tag, path, 401])
      }
    }
    expect((await api.get('/vhosts/v')).status).toBe(200)
  })

  test('let nobody in without a password, or with a wrong one', async () => {
    for (const login of ['', 'guest:wrong', 'guest:', 'nobody:guest']) {
      const reply = await api.get('/overview', { login })
      expect(reply.status).toBe(401)
      expect(reply.headers.get('www-authenticate')).toBe('Basic realm="RabbitMQ Management"')
      expect(reply.body).toEqual({ error: 'not_authorized', reason: 'Not_Authorized' })
    }
  })

  test('do in a virtual host what the permissions of the user allow, and nothing else', async () => {
    await api.put('/permissions/v/management-in', { configure: '^mine', write: '^mine', read: '^mine' })
    const login = 'management-in:secret'
    expect((await api.put('/queues/v/mine', {}, { login })).status).toBe(201)
    const refused = await api.put('/queues/v/other', {}, { login })
    expect(refused.status).toBe(401)
    expect(refused.body).toEqual({ error: 'not_authorised', reason: 'Access refused.' })
    await api.put('/queues/v/other')
    expect((await api.delete('/queues/v/other', { login })).status).toBe(401)
    expect((await api.delete('/queues/v/other/contents', { login })).status).toBe(401)
    expect(
      (await api.post('/queues/v/other/get', { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' }, { login }))
        .status,
    ).toBe(401)
    expect((await api.post('/bindings/v/e/amq.direct/q/mine', {}, { login })).status).toBe(401)
    const publish = { routing_key: 'mine', payload: 'x', payload_encoding: 'string', properties: {} }
    expect((await api.post('/exchanges/v/amq.direct/publish', publish, { login })).status).toBe(401)
    expect((await api.delete('/queues/v/mine', { login })).status).toBe(204)
    await api.delete('/queues/v/other')
  })

  test('list the virtual hosts that a user may open; a monitor sees all of them', async () => {
    const names = async (login: string) =>
      (await api.get('/vhosts', { login })).body.map((vhost: { name: string }) => vhost.name)
    expect(await names('management-in:secret')).toEqual(['v'])
    expect(await names('management-out:secret')).toEqual([])
    expect(await names('monitoring-out:secret')).toEqual(['/', 'v'])
    await api.put('/queues/v/seen')
    const queues = async (login: string) => (await api.get('/queues', { login })).body.length
    expect(await queues('management-in:secret')).toBe(1)
    expect(await queues('management-out:secret')).toBe(0)
    expect(await queues('monitoring-out:secret')).toBe(0)
    await api.delete('/queues/v/seen')
  })
})
