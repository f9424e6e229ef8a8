import { expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

test('what a new store begins with, and the queue type of new virtual hosts, are configured', async () => {
  const other = await ApiClient.start({
    passwordHashing: 'sha256',
    defaultUserTags: ['monitoring'],
    defaultQueueType: 'quorum',
  })
  try {
    expect((await other.get('/whoami')).body.tags).toEqual(['monitoring'])
    expect((await other.get('/users')).status).toBe(401)
    expect((await other.get('/overview')).body.default_queue_type).toBe('quorum')
    other.started.broker.createVhost('none of its own')
    other.started.broker.createVhost('its own', { defaultQueueType: 'classic' })
    const types = (await other.get('/vhosts?columns=name,default_queue_type')).body
    expect(types).toEqual([
      { name: '/', default_queue_type: 'quorum' },
      { name: 'its own', default_queue_type: 'classic' },
      { name: 'none of its own', default_queue_type: 'quorum' },
    ])
    expect((await other.put('/queues/%2F/q', { durable: true })).status).toBe(201)
    expect((await other.get('/queues/%2F/q')).body.type).toBe('quorum')
  } finally {
    await other.stop()
  }
})
