/**
 * Under which names HTTP is asked. A page of another site may have its own name lead to the address of this machine (DNS rebinding): its
 * visitor's browser then takes the broker for a part of that site, and the request names the site. Whoever asks by an
 * address, or for this machine, was led here by no name of that kind.
 */
import { isIP } from 'node:net'

/** `hosts`: names, without ports. With none of them, every name is known. */
export function isKnownHost(header: string | undefined, hosts: readonly string[]): boolean {
  if (hosts.length === 0) return true
  const name = (header ?? '').toLowerCase().replace(/:\d*$/, '')
  const isAddress = isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0
  return isAddress || name === 'localhost' || hosts.some((host) => host.toLowerCase() === name)
}
