import { describe, expect, test } from 'vitest'
import {
  type ClientConnection,
  ClientDirectory,
  type ConnectionDetails,
} from '../../../src/broker/clients/client-directory.ts'
import { LongWork } from '../../../src/broker/scheduling/long-work.ts'
import { Removals } from '../../../src/broker/scheduling/removals.ts'

class Client implements ClientConnection {
  readonly id: number
  details: ConnectionDetails | undefined
  userName: string | undefined
  channels = { count: 2 }
  bytesReceived = 10
  bytesSent = 1
  readonly state = undefined
  readonly stopped: string[] = []
  readonly ends: unknown[] = []
  readonly #failure: Error | undefined

  constructor(id: number, user: string, vhost: string | undefined, failure?: Error) {
    this.id = id
    this.userName = user
    this.#failure = failure
    if (vhost === undefined) return
    const tags: readonly string[] = []
    this.details = { id, peerAddress: '::1', peerPort: 1, name: undefined, user: { name: user, tags }, vhost }
  }

  channelStates(): never[] {
    return []
  }

  stop(reason: string): void {
    this.stopped.push(reason)
  }

  force(reason: string): void {
    if (this.#failure !== undefined) throw this.#failure
    this.ends.push(reason)
  }

  userChanged(): void {}

  broken(error: unknown): void {
    this.ends.push(error)
  }
}

const turns: (() => void)[] = []
const longWork = new LongWork(
  (work) => void turns.push(work),
  () => 0,
  (error) => expect.fail(String(error)),
)

function directory(...clients: readonly Client[]): ClientDirectory {
  const made = new ClientDirectory(new Removals(longWork))
  for (const client of clients) made.add(client)
  return made
}

describe('the directory of connections', () => {
  test('shows those that are open', () => {
    const [open, opening] = [new Client(1, 'a', '/'), new Client(2, 'a', undefined)]
    expect(directory(open, opening).open()).toEqual([open.details])
  })

  test('counts what all do, and what those did that are gone, once', () => {
    const [one, other] = [new Client(1, 'a', '/'), new Client(2, 'a', undefined)]
    const clients = directory(one, other)
    expect(clients.traffic()).toEqual({ connections: 1, channels: 2, bytesReceived: 20, bytesSent: 2 })
    one.bytesReceived = 15
    for (let i = 0; i < 2; i++) clients.remove(one)
    expect(clients.traffic()).toEqual({ connections: 0, channels: 0, bytesReceived: 25, bytesSent: 2 })
  })

  test('closes those of a virtual host, and no others', () => {
    const [meant, other, opening] = [new Client(1, 'a', 'v'), new Client(2, 'a', '/'), new Client(3, 'a', undefined)]
    directory(meant, other, opening).stopThoseOfVhost('v', 'gone').step(1)
    expect([meant, other, opening].map(({ ends }) => ends)).toEqual([['gone'], [], []])
  })

  test('closes those of a user, as soon as it has logged in', () => {
    const [open, opening, other] = [new Client(1, 'a', '/'), new Client(2, 'a', undefined), new Client(3, 'b', '/')]
    directory(open, opening, other).closeThoseOfUser('a', 'gone')
    expect([open, opening, other].map(({ ends }) => ends)).toEqual([['gone'], ['gone'], []])
  })

  test('stops all of them at once, and closes very many in later turns', () => {
    const clients = Array.from({ length: 100 }, (_, i) => new Client(i, 'a', '/'))
    directory(...clients).closeThoseOfUser('a', 'gone')
    expect(clients.every(({ stopped }) => stopped[0] === 'gone')).toBe(true)
    expect(clients.filter(({ ends }) => ends.length > 0).length).toBeLessThan(50)
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn()
    expect(clients.every(({ ends }) => ends.length === 1)).toBe(true)
  })

  test('goes on when one of them cannot be closed as it should be', () => {
    const failure = new Error('broken inside')
    const [first, second] = [new Client(1, 'a', '/', failure), new Client(2, 'a', '/')]
    directory(first, second).closeThoseOfUser('a', 'gone')
    expect([first.ends, second.ends]).toEqual([[failure], ['gone']])
  })
})
