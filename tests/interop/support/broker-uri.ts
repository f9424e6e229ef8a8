import { randomUUID } from 'node:crypto'

/** Where the broker under test listens; tests/interop/run starts one and sets the variable. */
export function brokerUri(): string {
  const uri = process.env.LEVERET_TEST_URI
  if (!uri) throw new Error('LEVERET_TEST_URI is not set: run the suites through tests/interop/run')
  return uri
}

/** The broker's URI with another user, password or vhost. */
export function brokerUriWith(change: { password?: string; vhost?: string }): string {
  const uri = new URL(brokerUri())
  if (change.password !== undefined) {
    uri.username ||= 'guest'
    uri.password = change.password
  }
  if (change.vhost !== undefined) uri.pathname = `/${encodeURIComponent(change.vhost)}`
  return uri.href
}

/** A name that no other case and no earlier run uses. */
export function freshName(subject: string): string {
  return `interop.${subject}.${randomUUID().slice(0, 8)}`
}
