// What options say together that makes no sense, though each does by itself.
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
  errors.push(...ofManagement(config))
  if (proxyProtocol && config.proxyNetworks.length === 0)
    errors.push('--proxy-protocol needs --proxy-networks: whose word counts for who a client is')
  if (!listensAnywhere(config)) errors.push('there is nothing to listen on: --port is none')
  return errors
}

function ofManagement(config: Config): string[] {
  const { managementTlsPort, managementTlsCert, managementTlsKey, managementTlsVerify, tlsCert } = config
  const errors: string[] = []
  if ((managementTlsCert === undefined) !== (managementTlsKey === undefined))
    errors.push('--management-tls-cert and --management-tls-key go together')
  else if (managementTlsPort !== 'none' && managementTlsCert === undefined && tlsCert === undefined)
    errors.push(
      '--management-tls-port needs --management-tls-cert and --management-tls-key, or --tls-cert and --tls-key',
    )
  if (managementTlsVerify === 'verify_peer' && config.managementTlsCa === undefined)
    errors.push('--management-tls-verify verify_peer needs --management-tls-ca')
  if (config.managementTlsFailIfNoPeerCert && managementTlsVerify !== 'verify_peer')
    errors.push('--management-tls-fail-if-no-peer-cert needs --management-tls-verify verify_peer')
  return errors
}

function listensAnywhere(config: Config): boolean {
  const { port, tcpListeners, unixSocket, tlsPort, tlsListeners, tlsCert, wsPort, wssPort } = config
  if (wsPort !== 'none' || wssPort !== 'none') return true
  const listensForTls = tlsListeners.length > 0 || (tlsPort !== 'none' && tlsCert !== undefined)
  return port !== 'none' || tcpListeners.length > 0 || unixSocket !== undefined || listensForTls
}
