// A user, its password or its permissions change while another server is still asked about a client that logs in.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { WebServer } from '../support/web-server.ts'
import { LogInClients } from './log-in-clients.ts'

const ANN = { user: 'ann', pass: 'a long password' }
const ALL = { configure: '.*', write: '.*', read: '.*' }

let server: Server
let web: WebServer
/** What is asked about this waits. */
let held = ''
let asked: () => void
let goOn: () => void
const clients = new LogInClients(() => server)

beforeEach(async () => {
  held = ''
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  web = await WebServer.start(async ({ path }) => {
    if (path === held) {
      asked()
      await gate
    }
    return 'allow'
  })
  const { url } = web
  server = new ServerBuilder()
    .withConfig({
      port: 0,
      passwordHashing: 'sha256',
      backends: {
        backends: [{ authentication: 'internal', authorization: ['internal', 'http'] }],
        http: {
          userPath: `${url}/user`,
          vhostPath: `${url}/vhost`,
          resourcePath: `${url}/resource`,
          topicPath: `${url}/topic`,
        },
      },
    })
    .build()
  await server.listen()
  await server.users.add('ann', ANN.pass, ['administrator'])
  await server.permissions.set('ann', ALL)
})

afterEach(async () => {
  goOn()
  clients.destroy()
  await server.shutdown({ graceMs: 0 })
  await web.stop()
})

/** Has the web server keep all waiting that ask for this; resolves when it was asked. */
function hold(path: string): Promise<void> {
  held = path
  return new Promise((resolve) => {
    asked = resolve
  })
}

test('a user that is deleted meanwhile does not get in', async () => {
  const isAsked = hold('/user')
  const refused = clients.expectRefused(ANN)
  await isAsked
  await server.users.remove('ann')
  goOn()
  await refused
})

test('nor does who knows an old password', async () => {
  const isAsked = hold('/user')
  const refused = clients.expectRefused(ANN)
  await isAsked
  await server.users.changePassword('ann', 'another long password')
  goOn()
  await refused
})

test('code that asks for a program hears of a user that was deleted meanwhile', async () => {
  const isAsked = hold('/user')
  const verdict = server.logins.check({ name: 'ann', password: ANN.pass }, '127.0.0.1')
  await isAsked
  await server.users.remove('ann')
  goOn()
  expect(await verdict).toHaveProperty('refusal')
})

test('a virtual host is not opened by a permission that is taken away meanwhile', async () => {
  const raw = await clients.connect()
  await raw.login(ANN)
  const isAsked = hold('/vhost')
  raw.send(0, 'connection.open', { virtualHost: '/' })
  await isAsked
  await server.permissions.clear('ann')
  goOn()
  await raw.expectConnectionClose(530, "access to vhost '/' refused for user 'ann'", 'connection.open')
})
