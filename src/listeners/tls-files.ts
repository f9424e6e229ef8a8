/** Reads the files of TLS, and makes of them what Node.js wants. */
import { constants, createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext, type SecureContextOptions } from 'node:tls'
import { certificatesIn, type DatedCertificate } from './certificate-dates.ts'
import type { TlsHost, TlsOptions, TlsVersion } from './tls-options.ts'

/** OpenSSL's flag that refuses renegotiation, which Node.js has no name for. */
const SSL_OP_NO_RENEGOTIATION = 0x4000_0000

const VERSIONS = { 'tlsv1.2': 'TLSv1.2', 'tlsv1.3': 'TLSv1.3' } as const satisfies Record<TlsVersion, string>

const QUICKEST_CIPHER = 'TLS_AES_128_GCM_SHA256'
/** Those of Node.js, in its order but for the first: with TLS 1.3 it prefers the one with 256 bits, which takes a tenth more time. */
const CIPHERS = [QUICKEST_CIPHER, ...DEFAULT_CIPHERS.split(':').filter((name) => name !== QUICKEST_CIPHER)]

/** What the files say. */
export interface TlsFiles {
  readonly context: SecureContextOptions
  readonly hosts: readonly { readonly name: string; readonly context: SecureContext }[]
  readonly certificates: readonly DatedCertificate[]
  /** Of the contents, to tell whether anything has changed. */
  readonly fingerprint: string
}

/** Every file that the options name, once. */
export function tlsPaths({ certFile, keyFile, caFile, hosts = [] }: TlsOptions): string[] {
  const ofHosts = hosts.flatMap((host) => [host.certFile, host.keyFile])
  return [...new Set([certFile, keyFile, ...(caFile === undefined ? [] : [caFile]), ...ofHosts])]
}

/** Throws Error, which names the file, for one that cannot be read or used. */
export function readTlsFiles(options: TlsOptions): TlsFiles {
  const texts = new Map(tlsPaths(options).map((path) => [path, readText(path)]))
  const textOf = (path: string): string => texts.get(path) as string // all paths were read
  const { certFile, keyFile, caFile, hosts = [] } = options
  const common = commonContext(options, caFile === undefined ? undefined : textOf(caFile))
  const made = (cert: string, key: string): SecureContextOptions => {
    const context = { ...common, cert: textOf(cert), key: textOf(key) }
    tryContext(context, cert, key)
    return context
  }
  const context = made(certFile, keyFile)
  const certFiles = [certFile, ...(caFile === undefined ? [] : [caFile]), ...hosts.map((host) => host.certFile)]
  return {
    context,
    hosts: hosts.map(({ name, ...files }: TlsHost) => ({
      name: name.toLowerCase(),
      context: createSecureContext(made(files.certFile, files.keyFile)),
    })),
    certificates: [...new Set(certFiles)].flatMap((file) => certificatesIn(file, textOf(file))),
    fingerprint: createHash('sha256')
      .update(JSON.stringify([...texts]))
      .digest('hex'),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`the TLS file ${path} cannot be read: ${reasonOf(error)}`, { cause: error })
  }
}

/** All that does not depend on the host name. */
function commonContext(options: TlsOptions, ca: string | undefined): SecureContextOptions {
  const { versions = ['tlsv1.2', 'tlsv1.3'], honorCipherOrder = true, ciphers = CIPHERS, password } = options
  const isNewest = versions.includes('tlsv1.3')
  const order = honorCipherOrder ? constants.SSL_OP_CIPHER_SERVER_PREFERENCE : 0
  return {
    minVersion: versions.includes('tlsv1.2') ? VERSIONS['tlsv1.2'] : VERSIONS['tlsv1.3'],
    maxVersion: isNewest ? VERSIONS['tlsv1.3'] : VERSIONS['tlsv1.2'],
    secureOptions: SSL_OP_NO_RENEGOTIATION | order,
    // A client that goes on with an earlier session may do so under every host name: all ask for the same.
    sessionIdContext: 'leveret',
    ...(ca === undefined ? {} : { ca }),
    ...(password === undefined ? {} : { passphrase: password }),
    ciphers: ciphers.join(':'),
  }
}

function tryContext(context: SecureContextOptions, certFile: string, keyFile: string): void {
  try {
    createSecureContext(context)
    new X509Certificate(context.cert as string) // a text, since it was read from a file
  } catch (error) {
    throw new Error(`the TLS files ${certFile} and ${keyFile} cannot be used: ${reasonOf(error)}`, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
