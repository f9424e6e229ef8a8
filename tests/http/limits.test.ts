import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { UserLimits } from '../../src/broker/limits/user-limits.ts'
import { VhostLimits } from '../../src/broker/limits/vhost-limits.ts'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start()
})

afterAll(() => api.stop())

test('limits of virtual hosts and users are set and deleted one by one, each in one change', async () => {
  expect((await api.put('/vhost-limits/%2F/max-queues', { value: '2' })).status).toBe(204)
  expect((await api.put('/vhost-limits/%2F/max-connections', { value: 5 })).status).toBe(204)
  const limits = [{ vhost: '/', value: { 'max-connections': 5, 'max-queues': 2 } }]
  expect((await api.get('/vhost-limits')).body).toEqual(limits)
  expect((await api.get('/vhost-limits/%2F')).body).toEqual(limits)
  expect((await api.get('/parameters/vhost-limits')).body).toEqual([
    { vhost: '/', component: 'vhost-limits', name: 'limits', value: limits[0]?.value },
  ])
  // Deleting one limit is one change: the others hold all the while.
  const replaced = vi.spyOn(VhostLimits.prototype, 'replace')
  expect((await api.delete('/vhost-limits/%2F/max-queues')).status).toBe(204)
  expect(replaced.mock.calls).toEqual([[{ maxConnections: 5 }]])
  replaced.mockRestore()
  expect((await api.get('/vhost-limits')).body).toEqual([{ vhost: '/', value: { 'max-connections': 5 } }])
  expect((await api.put('/vhost-limits/%2F/max-queues', { value: 'many' })).status).toBe(400)
  expect((await api.put('/vhost-limits/%2F/max-luck', { value: 1 })).status).toBe(400)
  expect((await api.delete('/vhost-limits/%2F/max-connections')).status).toBe(204)
  expect((await api.put('/user-limits/guest/max-channels', { value: 7 })).status).toBe(204)
  expect((await api.get('/user-limits/guest')).body).toEqual([{ user: 'guest', value: { 'max-channels': 7 } }])
  expect((await api.get('/user-limits')).body).toHaveLength(1)
  expect((await api.get('/users/guest')).body.limits).toEqual({ 'max-channels': 7 })
  for (const name of ['max-consumers', 'max-unacked-bytes']) {
    expect((await api.put(`/user-limits/guest/${name}`, { value: 9 })).status).toBe(204)
  }
  const held = vi.spyOn(UserLimits.prototype, 'replace')
  expect((await api.delete('/user-limits/guest/max-channels')).status).toBe(204)
  expect(held.mock.calls).toEqual([['guest', { maxConsumers: 9, maxUnackedBytes: 9 }]])
  held.mockRestore()
  expect((await api.get('/user-limits/guest')).body).toEqual([
    { user: 'guest', value: { 'max-consumers': 9, 'max-unacked-bytes': 9 } },
  ])
  for (const name of ['max-consumers', 'max-unacked-bytes']) {
    expect((await api.delete(`/user-limits/guest/${name}`)).status).toBe(204)
  }
  expect((await api.get('/user-limits/guest')).body).toEqual([])
})
