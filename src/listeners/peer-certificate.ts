/** What the certificate of a client says: its subject, and the names beside it. */
import type { X509Certificate } from 'node:crypto'
import type { AlternativeName, PeerCertificate } from '../lib/peer.ts'

const TYPES: Readonly<Record<string, AlternativeName['type']>> = {
  DNS: 'dns',
  'IP Address': 'ip',
  email: 'email',
  URI: 'uri',
}

export function readPeerCertificate(certificate: X509Certificate): PeerCertificate {
  // One line per part, the most general one first; parts that belong together are joined by ` + `.
  const parts = certificate.subject.split('\n').filter((part) => part !== '')
  return {
    subject: parts.toReversed().join(','),
    commonNames: commonNames(certificate),
    alternativeNames: alternativeNames(certificate.subjectAltName ?? ''),
  }
}

function commonNames(certificate: X509Certificate): string[] {
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] } // several are an array
  if (CN === undefined) return []
  return typeof CN === 'string' ? [CN] : [...CN]
}

/** `DNS:a.example, IP Address:192.0.2.1, URI:"spiffe://a, b"`: OpenSSL quotes what could be taken for another name. */
export function alternativeNames(text: string): AlternativeName[] {
  const entry = /(?<kind>[^:,"]+):(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^,"]*))(?:, |$)/gy
  return Array.from(text.matchAll(entry), ({ groups = {} }) => {
    const { kind = '', quoted, plain = '' } = groups
    return { type: TYPES[kind] ?? 'other', value: quoted === undefined ? plain : unquoted(quoted) }
  })
}

function unquoted(text: string): string {
  try {
    return JSON.parse(`"${text}"`)
  } catch {
    return text
  }
}
