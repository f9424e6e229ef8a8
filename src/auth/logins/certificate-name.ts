/** The user that a client's certificate stands for. RabbitMQ: `ssl_cert_login_from` and its kin. */
import type { PeerCertificate } from '../../lib/peer.ts'

export interface CertificateLogin {
  readonly from: 'distinguished_name' | 'common_name' | 'subject_alternative_name'
  /** Which kind of subject alternative name, and which of them, from 0. */
  readonly sanType: 'dns' | 'ip' | 'email' | 'uri'
  readonly sanIndex: number
}

/** Undefined when the certificate has no such name. */
export function certificateName(certificate: PeerCertificate, login: CertificateLogin): string | undefined {
  const name = nameIn(certificate, login)
  // A name ends at a zero byte for some libraries and not for others, so such a name stands for no user.
  return name === undefined || name === '' || name.includes('\0') ? undefined : name
}

function nameIn(certificate: PeerCertificate, { from, sanType, sanIndex }: CertificateLogin): string | undefined {
  switch (from) {
    case 'distinguished_name':
      return certificate.subject
    case 'common_name':
      // RabbitMQ, when there are several.
      return certificate.commonNames.join(',')
    case 'subject_alternative_name':
      return certificate.alternativeNames.filter(({ type }) => type === sanType)[sanIndex]?.value
    default:
      return from satisfies never
  }
}
