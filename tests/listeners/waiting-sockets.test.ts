import { expect, test } from 'vitest'
import { type WaitingPlace, WaitingSockets } from '../../src/listeners/waiting-sockets.ts'

function enter(sockets: WaitingSockets, address: string): WaitingPlace | string {
  const place = sockets.enter(address)
  return 'refusal' in place ? place.refusal : place
}

test('sockets before log-in are bounded for each address, and in all', () => {
  const sockets = new WaitingSockets({ inAll: 3, perAddress: 2 })
  const first = enter(sockets, '192.0.2.1') as WaitingPlace
  enter(sockets, '::ffff:192.0.2.1')
  expect(enter(sockets, '192.0.2.1')).toBe('2 clients from its address have not logged in yet')
  enter(sockets, '192.0.2.2')
  expect(enter(sockets, '192.0.2.3')).toBe('3 clients have not logged in yet')
  first.leave()
  first.leave()
  expect(sockets.count).toBe(2)
  expect(enter(sockets, '192.0.2.1')).toHaveProperty('leave')
})
