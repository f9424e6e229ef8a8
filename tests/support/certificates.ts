// Certificates for tests, made here: keys of the curve P-256, X.509 version 3, as DER and PEM.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

const DAY_MS = 86_400_000

export interface CertificateOptions {
  readonly commonName: string
  /** Names beside the subject: `DNS:a.example`, `IP:127.0.0.1`, `email:a@example.com`, `URI:urn:a`. */
  readonly names?: readonly string[]
  readonly isAuthority?: boolean
  /** Days from now on. */
  readonly fromDays?: number
  readonly toDays?: number
  /** Default: it signs itself. */
  readonly signedBy?: Certificate
}

export interface Certificate {
  readonly commonName: string
  readonly cert: string
  readonly key: string
  readonly privateKey: KeyObject
  /** The subject, encoded. */
  readonly subject: Buffer
}

export function makeCertificate(options: CertificateOptions): Certificate {
  const { commonName, names = [], isAuthority = false, fromDays = -1, toDays = 365, signedBy } = options
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const subject = nameOf(commonName)
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_SHA256,
    signedBy?.subject ?? subject,
    sequence(time(fromDays), time(toDays)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(names, isAuthority))),
  )
  const signature = sign('sha256', body, signedBy?.privateKey ?? privateKey)
  const der = sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.concat([Buffer.of(0), signature])))
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return {
    commonName,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    privateKey,
    subject,
  }
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content])
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'))
}

const ECDSA_SHA256 = sequence(objectId('2a8648ce3d040302'))

/** `O=Leveret tests, CN=…` */
function nameOf(commonName: string): Buffer {
  const part = (id: string, text: string): Buffer =>
    tagged(0x31, sequence(objectId(id), tagged(0x0c, Buffer.from(text))))
  return sequence(part('55040a', 'Leveret tests'), part('550403', commonName))
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * DAY_MS).toISOString().replace(/[-:T]|\.\d+/g, '')
  return tagged(0x18, Buffer.from(text))
}

function extensions(names: readonly string[], isAuthority: boolean): Buffer[] {
  const extension = (id: string, value: Buffer): Buffer => sequence(objectId(id), tagged(0x04, value))
  const found = [extension('551d13', isAuthority ? sequence(tagged(0x01, Buffer.of(0xff))) : sequence())]
  if (names.length > 0) found.push(extension('551d11', sequence(...names.map(alternativeName))))
  return found
}

function alternativeName(name: string): Buffer {
  const colon = name.indexOf(':')
  const [kind, value] = [name.slice(0, colon), name.slice(colon + 1)]
  if (kind === 'IP') return tagged(0x87, Buffer.from(value.split('.').map(Number)))
  const tag = { email: 0x81, DNS: 0x82, URI: 0x86 }[kind]
  if (tag === undefined) throw new Error(`unknown kind of name: ${name}`)
  return tagged(tag, Buffer.from(value))
}
