// The rows that every HTTP door has for TLS: RabbitMQ's keys of both are the same but for their beginning.
import { cipherList } from './listener-parsers.ts'
import { option } from './option-row.ts'
import { boolean, choice, choices, hostAddress, type Parser, text } from './parsers.ts'

const aPath = text(4096)

export interface SecureDoor {
  /** As the docs call it: `the management API`. */
  readonly what: string
  /** `management.ssl`. */
  readonly fileKey: string
  /** Its usual port. */
  readonly usualPort: number
  readonly aPort: Parser<number | 'none'>
  /** Whose address it listens on, unless it has one of its own: `--management-bind`. */
  readonly bindFlag: string
  /** What its clients show, but for a certificate. */
  readonly beside: string
}

export function secureDoorOptions({ what, fileKey, usualPort, aPort, bindFlag, beside }: SecureDoor) {
  const row = (key: string) => ({ group: 'HTTP', fileKeys: [`${fileKey}.${key}`] }) as const
  return {
    port: option<number | 'none'>(
      'none',
      aPort,
      `TCP port of ${what} over TLS, such as ${usualPort}; the one without is there only if it is chosen, too`,
      row('port'),
    ),
    bind: option<string | undefined>(undefined, hostAddress(), 'address that it listens on', {
      ...row('ip'),
      defaultText: `that of ${bindFlag}`,
    }),
    cert: option<string | undefined>(undefined, aPath, 'file with its certificate, in PEM', {
      ...row('certfile'),
      defaultText: 'that of --tls-cert',
    }),
    key: option<string | undefined>(undefined, aPath, 'file with the private key of that certificate', {
      ...row('keyfile'),
      defaultText: 'none',
    }),
    password: option<string | undefined>(undefined, text(1024), 'password of that private key', {
      ...row('password'),
      defaultText: 'none',
      isSecret: true,
    }),
    ca: option<string | undefined>(
      undefined,
      aPath,
      `file with the authorities that sign certificates of clients of ${what}`,
      { ...row('cacertfile'), defaultText: 'none' },
    ),
    verify: option<'verify_none' | 'verify_peer'>(
      'verify_none',
      choice({ verify_none: 'verify_none', verify_peer: 'verify_peer' }, 'one of verify_none, verify_peer'),
      `whether they are asked for a certificate${beside}`,
      row('verify'),
    ),
    failIfNoPeerCert: option(false, boolean(), 'refuse those that show none', {
      ...row('fail_if_no_peer_cert'),
      isSwitch: true,
    }),
    versions: option<readonly ('tlsv1.2' | 'tlsv1.3')[]>(
      ['tlsv1.2', 'tlsv1.3'],
      choices(['tlsv1.2', 'tlsv1.3']),
      `versions of TLS that ${what} speak${what.endsWith('API') ? 's' : ''}`,
      { group: 'HTTP', defaultText: 'tlsv1.2,tlsv1.3' },
    ),
    ciphers: option<readonly string[]>([], cipherList(), 'its ciphers, as with --tls-ciphers', {
      group: 'HTTP',
      defaultText: 'default',
    }),
  } as const
}
