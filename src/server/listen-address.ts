import { NUMBER_SETTINGS } from '../../config/number-settings.ts'

/** `host:port`, `:port` or a port of `bind`. No host stands for all interfaces. Throws RangeError. */
export function parseAddress(address: string | number, bind: string): { host: string | undefined; port: number } {
  if (typeof address === 'number') return { host: bind, port: address }
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, Math.max(0, colon)).replace(/^\[(.*)\]$/, '$1')
  const digits = address.slice(colon + 1)
  const port = Number(digits)
  if (colon < 0 || !/^\d+$/.test(digits) || port > NUMBER_SETTINGS.port.max) {
    throw new RangeError(`'${address}' is no address to listen on: write host:port or :port, port 0 to 65535`)
  }
  return { host: host === '' ? undefined : host, port }
}
