// The steps of a handshake, whatever comes in between: what a client sends out of turn, authenticators that take their time,
// and connections that end meanwhile.
import { beforeEach, describe, expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { Handshake, type HandshakeContext } from '../../src/amqp/handshake.ts'
import type { Authenticator, Verdict } from '../../src/auth/authenticator.ts'
import { LoginFailures } from '../../src/auth/logins/login-failures.ts'
import { Logins } from '../../src/auth/logins/logins.ts'
import { AccessDirectory } from '../../src/broker/access/access-directory.ts'
import { ALLOW_ALL, type Authorizer } from '../../src/broker/authorizer.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { Block } from '../../src/lib/block.ts'
import { HandClock } from '../support/hand-clock.ts'
import { encodeMethod, type MethodArguments, type MethodName } from '../support/wire-methods.ts'
import { FakeConnection } from './fake-connection.ts'

const GUEST: Verdict = { user: { name: 'guest', tags: [] } }
const LIMITS = {
  frameMaxBytes: 131_072,
  initialFrameMaxBytes: 8192,
  channelMax: 2047,
  heartbeatSec: 60,
  handshakeTimeoutMs: 10_000,
  sendTimeoutMs: 0,
  consumerTimeoutMs: 0,
  maxMessageSizeBytes: 1,
}
const START_OK: MethodArguments = { clientProperties: {}, mechanism: 'PLAIN', response: '\0guest\0guest' }
const TUNE_OK: MethodArguments = { channelMax: 2047, frameMax: 131_072, heartbeat: 60 }

let connection: FakeConnection
let handshake: Handshake
/** What the authenticator returns, or throws. */
let verdict: () => Promise<Verdict> | Verdict

function begin(more: Partial<Authenticator> = {}, authorizer: Partial<Authorizer> = {}): void {
  const access = new AccessDirectory({ ...ALLOW_ALL, ...authorizer }, new HandClock(), () => {})
  connection = new FakeConnection()
  const authenticator = { authenticate: () => verdict(), anonymous: () => verdict(), ...more }
  const vhost = (name: string) => (name === '/' ? ({ name } as Vhost) : undefined) // all that is asked of it
  const context: HandshakeContext = {
    logins: new Logins({
      authenticator,
      mechanisms: ['PLAIN', 'AMQPLAIN'],
      certificateLogin: { from: 'common_name', sanType: 'dns', sanIndex: 0 },
      failures: new LoginFailures(0, () => 0),
    }),
    limits: LIMITS,
    serverProperties: new Map(),
    broker: { vhost, clientRoom: { connectionRefusal: () => undefined }, access },
  }
  handshake = new Handshake(connection, context)
  handshake.start()
}

beforeEach(() => {
  verdict = () => GUEST
  begin()
})

function receive(name: MethodName, args: MethodArguments = {}): void {
  const bytes = encodeMethod(name, args)
  handshake.method(new Block(bytes), 0, bytes.length)
}

/** An authenticator whose verdict a test gives later. */
function later(): { readonly give: (verdict: Verdict) => void; readonly fail: (error: Error) => void } {
  let give = (_: Verdict): void => {}
  let fail = (_: Error): void => {}
  const promise = new Promise<Verdict>((resolve, reject) => {
    give = resolve
    fail = reject
  })
  verdict = () => promise
  return { give, fail }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('takes a client from the header to the open connection', () => {
  expect(connection.events()).toEqual(['send connection.start'])
  receive('connection.start-ok', START_OK)
  expect(connection.events()).toEqual(['send connection.tune'])
  receive('connection.tune-ok', { channelMax: 10, frameMax: 4096, heartbeat: 0 })
  expect(connection.events()).toEqual(['tuned 4096 10 0'])
  expect(handshake.isDone).toBe(false)
  receive('connection.open', { virtualHost: '/' })
  expect(connection.events()).toEqual(['send connection.open-ok', 'opened guest /'])
  expect(handshake.isDone).toBe(true)
})

test('asks for the response that a client has not sent at once', () => {
  receive('connection.start-ok', { ...START_OK, response: '' })
  receive('connection.secure-ok', { response: '\0guest\0guest' })
  expect(connection.events()).toEqual(['send connection.start', 'send connection.secure', 'send connection.tune'])
})

describe('what comes out of turn is refused, and names the step', () => {
  const STEPS: readonly [step: string, due: MethodName | undefined, reach: () => void][] = [
    ['starting', 'connection.start-ok', () => {}],
    ['securing', 'connection.secure-ok', () => receive('connection.start-ok', { ...START_OK, response: '' })],
    [
      'securing',
      undefined,
      () => {
        later()
        receive('connection.start-ok', START_OK)
      },
    ],
    ['tuning', 'connection.tune-ok', () => receive('connection.start-ok', START_OK)],
    [
      'opening',
      'connection.open',
      () => {
        receive('connection.start-ok', START_OK)
        receive('connection.tune-ok', TUNE_OK)
      },
    ],
  ]
  const METHODS: readonly MethodName[] = [
    'connection.start-ok',
    'connection.secure-ok',
    'connection.tune-ok',
    'connection.open',
    'connection.update-secret',
    'channel.open',
    'basic.publish',
  ]
  test.each(STEPS)('%s, when %s is due', (step, due, reach) => {
    for (const name of METHODS.filter((method) => method !== due)) {
      begin()
      reach()
      connection.events()
      expect(() => receive(name), name).toThrow(
        expect.objectContaining({ code: 504, text: `unexpected method in connection state ${step}` }),
      )
      expect(connection.events(), name).toEqual([])
    }
  })
})

describe('while an authenticator thinks', () => {
  test('the client is not read from, and what it has sent already waits', async () => {
    const { give } = later()
    receive('connection.start-ok', START_OK)
    expect(connection.events()).toEqual(['send connection.start', 'pause', 'hold'])
    give(GUEST)
    await nextTurn()
    expect(connection.events()).toEqual(['send connection.tune', 'resume'])
  })

  test.each(['closing', 'closed'] as const)(
    'the connection may be %s: the client is told nothing more',
    async (phase) => {
      const { give } = later()
      receive('connection.start-ok', START_OK)
      connection.events()
      connection.phase = phase
      give(GUEST)
      await nextTurn()
      expect(connection.events()).toEqual(['resume'])
      expect(handshake.userName).toBeUndefined()
    },
  )

  test('it may fail: the connection is closed, and the client learns nothing of the error', async () => {
    const { fail } = later()
    receive('connection.start-ok', START_OK)
    connection.events()
    fail(new Error('the database is gone'))
    await nextTurn()
    expect(connection.events()).toEqual(['close 541 INTERNAL_ERROR - internal error'])
  })

  test('it may refuse: silently, unless the client can be told', async () => {
    for (const canBeTold of [false, true]) {
      begin()
      const { give } = later()
      const capabilities = { authentication_failure_close: canBeTold }
      receive('connection.start-ok', { ...START_OK, clientProperties: { capabilities } })
      connection.events()
      give({ refusal: 'no such user' })
      await nextTurn()
      const text = 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.'
      const told = expect.stringContaining(`close 403 ${text}`)
      expect(connection.events()).toEqual([canBeTold ? told : 'silent for 3000 ms', 'resume'])
    }
  })
})

test('a mechanism that is not offered, and a response that makes no sense, end the connection silently', () => {
  for (const args of [{ mechanism: 'ANONYMOUS' }, { mechanism: 'nothing' }, { response: 'guest' }]) {
    begin()
    connection.events()
    receive('connection.start-ok', { ...START_OK, ...args })
    expect(connection.events()).toEqual(['silent for 3000 ms'])
  }
})

test('what a client may not raise or lift leaves its limits as they were', () => {
  for (const wrong of [
    { channelMax: 0 },
    { channelMax: 2048 },
    { frameMax: 0 },
    { frameMax: 131_073 },
    { frameMax: 4095 },
  ]) {
    begin()
    receive('connection.start-ok', START_OK)
    connection.events()
    expect(() => receive('connection.tune-ok', { ...TUNE_OK, ...wrong })).toThrow(FrameError)
    expect(connection.events()).toEqual([])
    // The same step is still due.
    receive('connection.tune-ok', TUNE_OK)
    expect(connection.events()).toEqual(['tuned 131072 2047 60'])
  }
})

test('a virtual host that is not there is refused, and nothing is open', () => {
  receive('connection.start-ok', START_OK)
  receive('connection.tune-ok', TUNE_OK)
  connection.events()
  receive('connection.open', { virtualHost: 'elsewhere' })
  expect(connection.events()).toEqual(['close 530 NOT_ALLOWED - vhost elsewhere not found'])
  expect(handshake.isDone).toBe(false)
})

test('credentials that expire are told to the connection, and let none in that has none', () => {
  verdict = () => ({ ...GUEST, expiresInMs: 1000 })
  begin()
  receive('connection.start-ok', START_OK)
  expect(connection.events()).toEqual(['send connection.start', 'expires in 1000 ms', 'send connection.tune'])
  for (const expiresInMs of [0, -1, Number.NaN]) {
    verdict = () => ({ ...GUEST, expiresInMs })
    begin()
    receive('connection.start-ok', START_OK)
    expect(connection.events()).toEqual(['send connection.start', 'silent for 3000 ms'])
  }
})

describe('a new secret', () => {
  const SECRET = Buffer.from('secret')
  async function renewed(renew: Authenticator['renew'], meanwhile: () => void = () => {}): Promise<string[]> {
    begin(renew === undefined ? {} : { renew })
    receive('connection.start-ok', START_OK)
    receive('connection.tune-ok', TUNE_OK)
    receive('connection.open', { virtualHost: '/' })
    connection.events()
    const updated = handshake.updateSecret(SECRET)
    meanwhile()
    await updated
    const events = connection.events()
    // Nothing more is looked at before it is answered.
    expect([...events.slice(0, 2), events.at(-1)]).toEqual(['pause', 'hold', 'resume'])
    return events.slice(2, -1)
  }

  test('is answered when it was taken, and ends the connection when it was not', async () => {
    const taken = ['send connection.update-secret-ok', 'renewed guest undefined']
    expect(await renewed(undefined)).toEqual(taken)
    expect(await renewed((user, secret) => user.name === 'guest' && secret.equals(SECRET))).toEqual(taken)
    expect(await renewed((user) => ({ user, expiresInMs: 5000 }))).toEqual([taken[0], 'renewed guest 5000'])
    expect(await renewed(() => ({ user: { name: 'other', tags: [] } }))).toEqual([
      'close 530 NOT_ALLOWED - New secret was refused by one of the backends',
    ])
    expect(await renewed(() => false)).toEqual([expect.stringContaining('close 530 ')])
    expect(await renewed(() => Promise.reject(new Error('gone')))).toEqual([
      'close 541 INTERNAL_ERROR - internal error',
    ])
  })

  test('is not answered when the connection ends meanwhile', async () => {
    for (const isRenewed of [true, false]) {
      const closes = (): void => {
        connection.phase = 'closing'
      }
      expect(await renewed(() => Promise.resolve(isRenewed), closes)).toEqual([])
    }
  })
})

describe('who may open the virtual host', () => {
  const REFUSED = "close 530 NOT_ALLOWED - access to vhost '/' refused for user 'guest'"
  let asked: string[]

  async function opened(answer: Authorizer['vhostAccess'], meanwhile: () => void = () => {}): Promise<string[]> {
    asked = []
    const vhostAccess: Authorizer['vhostAccess'] = (user, vhost, peerAddress) => {
      asked.push(`${user.name} ${vhost} ${peerAddress}`)
      return answer(user, vhost, peerAddress)
    }
    begin({}, { vhostAccess })
    receive('connection.start-ok', START_OK)
    receive('connection.tune-ok', TUNE_OK)
    connection.events()
    receive('connection.open', { virtualHost: '/' })
    meanwhile()
    // Promises of promises: each takes a turn of the microtasks, and all of them come before this.
    await new Promise((resolve) => setImmediate(resolve))
    return connection.events()
  }

  test('is asked of the authorizer, with the address of the client', async () => {
    expect(await opened(() => true)).toEqual(['send connection.open-ok', 'opened guest /'])
    expect(asked).toEqual(['guest / 127.0.0.1'])
    expect(await opened(() => false)).toEqual([REFUSED])
    expect(await opened(() => 'yes' as never)).toEqual([REFUSED])
  })

  test('may be answered later: nothing more is looked at until then', async () => {
    const waits = ['pause', 'hold']
    expect(await opened(() => Promise.resolve(true))).toEqual([
      ...waits,
      'send connection.open-ok',
      'opened guest /',
      'resume',
    ])
    expect(asked).toHaveLength(1)
    expect(await opened(() => Promise.resolve(false))).toEqual([...waits, REFUSED, 'resume'])
  })

  test('is refused when the authorizer fails', async () => {
    const fails = (): boolean => {
      throw new Error('no answer')
    }
    for (const answer of [fails, () => Promise.reject(new Error('no answer'))]) {
      expect(await opened(answer)).toEqual(['pause', 'hold', REFUSED, 'resume'])
    }
  })

  test('is not answered to a connection that is gone meanwhile', async () => {
    const goes = (): void => {
      connection.phase = 'closed'
    }
    expect(await opened(() => Promise.resolve(true), goes)).toEqual(['pause', 'hold', 'resume'])
  })
})
