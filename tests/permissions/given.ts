// Permissions for a user of a test, made of what it needs; and what it is told when something is missing.
import { expect } from 'vitest'
import type { PermissionPatterns } from '../../src/broker/access/permission-list.ts'
import type { Server } from '../../src/server/server.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import type { MethodName } from '../support/wire-methods.ts'
import type { Need, Row } from './table.ts'

export const USER = 'eve'
const TOPIC = 't'

/** Patterns that fit these names and no others. */
function patternOf(names: readonly string[]): string {
  const quoted = names.map((name) => name.replaceAll(/[^a-z]/g, (character) => `\\${character}`))
  return names.length === 0 ? '' : `^(${quoted.join('|')})$`
}

/** Gives the user exactly this: the routing keys that it may not use are refused, too. */
export async function give(server: Server, needs: readonly Need[]): Promise<void> {
  const on = (permission: keyof PermissionPatterns): string =>
    patternOf(needs.flatMap((need) => (need[0] === permission && need[1] !== 'topic' ? [need[2]] : [])))
  const keys = (permission: 'write' | 'read'): string =>
    patternOf(needs.flatMap((need) => (need[0] === permission && need[1] === 'topic' ? [need[3]] : [])))
  await server.permissions.set(USER, { configure: on('configure'), write: on('write'), read: on('read') })
  await server.permissions.setTopic(USER, TOPIC, { write: keys('write'), read: keys('read') })
}

export function refusedText(need: Need): string {
  const [permission, kind, name] = need
  const resource = kind === 'topic' ? `topic '${need[3]}' in exchange '${name}'` : `${kind} '${name}'`
  return `${permission} access to ${resource} in vhost '/' refused for user '${USER}'`
}

function send(channel: RawChannel, { amqp }: Pick<Row, 'amqp'>): MethodName {
  if ('publish' in amqp) {
    channel.publish(amqp.publish)
    return 'basic.publish'
  }
  channel.send(amqp.method, amqp.args)
  return amqp.method
}

export async function expectAllowed(channel: RawChannel, row: Pick<Row, 'amqp' | 'answer'>): Promise<void> {
  const method = send(channel, row)
  if (method !== 'basic.publish') await channel.expect(row.answer ?? (`${method}-ok` as MethodName))
  // The next thing to come is the answer to something that nobody needs a permission for; a mandatory message may come back before.
  channel.send('basic.qos', { prefetchCount: 0 })
  let { name } = await channel.next()
  while (name === 'basic.return' || name === 'basic.deliver') ({ name } = await channel.next())
  expect(name).toBe('basic.qos-ok')
}

export async function expectRefused(channel: RawChannel, row: Pick<Row, 'amqp'>, text: string): Promise<void> {
  const method = send(channel, row)
  await channel.expectClose(403, text, method)
  await channel.reopen()
}
