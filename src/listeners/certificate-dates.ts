/** Until when certificates can be used, and what is said of those that end soon. */
import { X509Certificate } from 'node:crypto'

const DAY_MS = 86_400_000
const WARNED_DAYS = 30
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** A certificate in a file: times are milliseconds since 1970. */
export interface DatedCertificate {
  readonly file: string
  readonly subject: string
  readonly fromMs: number
  readonly toMs: number
}

/**
 * All certificates in a file: a server's, and those between it and an authority, can end each at its time. Throws Error, which names
 * the file.
 */
export function certificatesIn(file: string, text: string): DatedCertificate[] {
  return Array.from(text.matchAll(PEM), ([pem]) => {
    const { subject, validFrom, validTo } = readCertificate(file, pem)
    return { file, subject: subject.replaceAll('\n', ', '), fromMs: Date.parse(validFrom), toMs: Date.parse(validTo) }
  })
}

function readCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`a certificate in ${file} cannot be read: ${reason}`, { cause: error })
  }
}

/** One line for each that has ended, ends soon or has not begun. */
export function certificateWarnings(certificates: readonly DatedCertificate[], nowMs: number): string[] {
  return certificates.flatMap(({ file, subject, fromMs, toMs }) => {
    const what = `the certificate of ${subject} in ${file}`
    if (nowMs > toMs) return [`${what} has expired: clients refuse it`]
    if (nowMs < fromMs) return [`${what} is not valid yet: clients refuse it`]
    const days = Math.floor((toMs - nowMs) / DAY_MS)
    return days < WARNED_DAYS ? [`${what} expires in ${days} ${days === 1 ? 'day' : 'days'}`] : []
  })
}
