// What options say together that makes no sense, though each does by itself.
import { type HttpTls, httpTls } from './http-tls.ts'
import type { Config } from './options.ts'

export function contradictions(config: Config): string[] {
  const { tlsCert, tlsKey, tlsCa, tlsPort, tlsListeners, tlsVerify, tlsFailIfNoPeerCert, proxyProtocol } = config
  const errors: string[] = []
  const wantsTls = tlsListeners.length > 0 || typeof tlsPort === 'number' || config.wssPort !== 'none'
  if ((tlsCert === undefined) !== (tlsKey === undefined)) errors.push('--tls-cert and --tls-key go together')
  else if (wantsTls && tlsCert === undefined) errors.push('a listener with TLS needs --tls-cert and --tls-key')
  if (tlsVerify === 'verify_peer' && tlsCa === undefined)
    errors.push('--tls-verify verify_peer needs --tls-ca: the authorities that sign the certificates of clients')
  if (tlsFailIfNoPeerCert && tlsVerify !== 'verify_peer')
    errors.push('--tls-fail-if-no-peer-cert needs --tls-verify verify_peer')
  const hasCommonCert = tlsCert !== undefined
  errors.push(...ofDoor('--management-tls', httpTls(config, 'management'), hasCommonCert))
  errors.push(...ofDoor('--metrics-tls', httpTls(config, 'metrics'), hasCommonCert))
  if (proxyProtocol && config.proxyNetworks.length === 0)
    errors.push('--proxy-protocol needs --proxy-networks: whose word counts for who a client is')
  if (!listensAnywhere(config)) errors.push('there is nothing to listen on: --port is none')
  return errors
}

/** `flag` is how its options begin. */
function ofDoor(flag: string, { port, cert, key, ca, verify, failIfNoPeerCert }: HttpTls, hasCommonCert: boolean) {
  const errors: string[] = []
  if ((cert === undefined) !== (key === undefined)) errors.push(`${flag}-cert and ${flag}-key go together`)
  else if (port !== 'none' && cert === undefined && !hasCommonCert)
    errors.push(`${flag}-port needs ${flag}-cert and ${flag}-key, or --tls-cert and --tls-key`)
  if (verify === 'verify_peer' && ca === undefined) errors.push(`${flag}-verify verify_peer needs ${flag}-ca`)
  if (failIfNoPeerCert && verify !== 'verify_peer')
    errors.push(`${flag}-fail-if-no-peer-cert needs ${flag}-verify verify_peer`)
  return errors
}

function listensAnywhere(config: Config): boolean {
  const { port, tcpListeners, unixSocket, tlsPort, tlsListeners, tlsCert, wsPort, wssPort } = config
  if (wsPort !== 'none' || wssPort !== 'none') return true
  const listensForTls = tlsListeners.length > 0 || (tlsPort !== 'none' && tlsCert !== undefined)
  return port !== 'none' || tcpListeners.length > 0 || unixSocket !== undefined || listensForTls
}
