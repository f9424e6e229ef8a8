// What the options say of one HTTP door over TLS: those of both are alike but for their beginning.
import type { Config } from './options.ts'

export type HttpDoor = 'management' | 'metrics'

export interface HttpTls {
  readonly port: number | 'none'
  readonly bind: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly password: string | undefined
  readonly ca: string | undefined
  readonly verify: 'verify_none' | 'verify_peer'
  readonly failIfNoPeerCert: boolean
  readonly versions: readonly ('tlsv1.2' | 'tlsv1.3')[]
  readonly ciphers: readonly string[]
}

export function httpTls(config: Config, door: HttpDoor): HttpTls {
  return {
    port: config[`${door}TlsPort` as const],
    bind: config[`${door}TlsBind` as const],
    cert: config[`${door}TlsCert` as const],
    key: config[`${door}TlsKey` as const],
    password: config[`${door}TlsPassword` as const],
    ca: config[`${door}TlsCa` as const],
    verify: config[`${door}TlsVerify` as const],
    failIfNoPeerCert: config[`${door}TlsFailIfNoPeerCert` as const],
    versions: config[`${door}TlsVersions` as const],
    ciphers: config[`${door}TlsCiphers` as const],
  }
}
