import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Certificate, makeCertificate } from './certificates.ts'

/** A folder of PEM files, removed after the test file. */
export class CertificateFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'leveret-tls-'))
  /** What signs all that has no other authority. */
  readonly authority: Certificate = makeCertificate({ commonName: 'Test authority', isAuthority: true })

  constructor() {
    this.put('ca.pem', this.authority.cert)
    afterAll(() => rmSync(this.path, { recursive: true, force: true }))
  }

  get caFile(): string {
    return join(this.path, 'ca.pem')
  }

  put(name: string, text: string): string {
    const path = join(this.path, name)
    writeFileSync(path, text)
    return path
  }

  /** The files of a certificate: a new one for 127.0.0.1 and localhost, if nothing else is said. */
  server(name: string, certificate: Certificate = this.serverCertificate(name)) {
    return {
      certFile: this.put(`${name}.cert.pem`, certificate.cert),
      keyFile: this.put(`${name}.key.pem`, certificate.key),
    }
  }

  serverCertificate(commonName: string, names: readonly string[] = ['DNS:localhost', 'IP:127.0.0.1']): Certificate {
    return makeCertificate({ commonName, names, signedBy: this.authority })
  }

  client(commonName: string, names: readonly string[] = []): Certificate {
    return makeCertificate({ commonName, names, signedBy: this.authority })
  }
}
