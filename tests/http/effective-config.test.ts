// The options that are in effect, for administrators: those of the server, or of the program around it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveConfig } from '../../config/resolve.ts'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ heartbeatSec: 7, passwordPattern: '^[^#]{4,}$', defaultPass: 'guest' })
})

afterAll(() => api.stop())

function resolved(text: string) {
  const resolution = resolveConfig({ flags: new Map(), environment: {}, file: { name: 'leveret.conf', text } })
  if (!resolution.isValid) throw new Error(resolution.errors.join('\n'))
  expect(resolution.warnings).toEqual([])
  return resolution.config
}

test('a server shows what it was told, as a config file says it', async () => {
  const { status, headers, text } = await api.get('/config/effective')
  expect([status, headers.get('content-type')?.toLowerCase()]).toEqual([200, 'text/plain;charset=utf-8'])
  const lines = text.split('\n')
  expect(lines).toEqual(
    expect.arrayContaining(['heartbeat = 7', "password_pattern = '^[^#]{4,}$'", 'frame_max = 131072']),
  )
  expect(lines).toContain('# default_pass is hidden')
  expect(text).not.toContain('default_pass =')
  expect(lines.at(-1)).toBe('')
  const shutdownGraceSec = 1
  expect(resolved(text)).toMatchObject({ heartbeatSec: 7, passwordPattern: '^[^#]{4,}$', shutdownGraceSec })
  expect(await api.started.server.effectiveConfig()).toBe(text)
})

test('a change is seen, and HEAD answers without a body', async () => {
  api.started.server.changeConfig({ consumerTimeoutMs: 60_000, memoryLimitBytes: 123_456_789 })
  const { text } = await api.get('/config/effective')
  expect(resolved(text)).toMatchObject({ consumerTimeoutMs: 60_000, memoryLimit: { bytes: 123_456_789 } })
  const head = await api.request('HEAD', '/config/effective')
  expect([head.status, head.text]).toEqual([200, ''])
})

test('what no file can say is no line of one', async () => {
  const values = {
    authMechanisms: [],
    defaultUserTags: ['a,b'],
    loopbackUsers: ['none'],
    shutdownGraceMs: 1500,
    memoryLimitBytes: 1,
  }
  const own = await ApiClient.start(values)
  const text = await own.started.server.effectiveConfig()
  await own.stop()
  expect(text.split('\n')).toEqual(
    expect.arrayContaining([
      '# auth_mechanisms is "", which no file can say',
      '# default_user_tags is "a,b", which no file can say',
      '# loopback_users is "none", which no file can say',
      '# shutdown_grace is "1.5", which no file can say',
      '# memory_limit is "1", which no file can say',
    ]),
  )
  resolved(text)
})

test('a program that has more options shows its own, as they are when it is asked', async () => {
  let shown = 'a = 1\n'
  const { url } = await api.started.server.http.listenManagement({ port: 0, effectiveConfig: () => shown })
  const ask = async () => (await new ApiClient(api.started, url).get('/config/effective')).text
  expect(await ask()).toBe('a = 1\n')
  shown = 'a = 2\n'
  expect(await ask()).toBe('a = 2\n')
})
