import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
})

afterAll(() => api.stop())

describe('the API', () => {
  test('has no endpoints of plugins that it does not have, as a RabbitMQ without them', async () => {
    for (const path of [
      '/shovels',
      '/shovels/%2F',
      '/federation-links',
      '/federation-links/%2F',
      '/stream/connections',
      '/stream/publishers',
      '/stream/consumers/%2F',
      '/traces',
      '/top/rabbit@node',
    ]) {
      expect([path, (await api.get(path)).status]).toEqual([path, 404])
    }
    for (const component of ['shovel', 'federation-upstream']) {
      expect((await api.get(`/parameters/${component}`)).body).toEqual([])
    }
  })

  test('takes a slash at the end of a path for none', async () => {
    for (const path of ['/overview/', '/queues/', '/queues/%2F/', '/users/', '/vhosts/%2F/permissions/']) {
      expect([path, (await api.get(path)).status]).toEqual([path, 200])
    }
    expect((await api.put('/queues/%2F/slash/')).status).toBe(201)
    expect((await api.get('/queues/%2F/slash')).body.name).toBe('slash')
    expect((await api.delete('/queues/%2F/slash/?if-empty=true')).status).toBe(204)
    expect((await api.get('/queues/%2F//')).status).toBe(404)
  })
})
