import { describe, expect, test } from 'vitest'
import { resolveConfig } from '../../../config/resolve.ts'
import { openHttpDoors } from '../../../src/cli/assembly/http-doors.ts'
import { silentLogger } from '../../../src/lib/logger.ts'
import type { HttpAddress, ManagementOptions, MetricsOptions } from '../../../src/server/server-http.ts'

function resolve(text: string) {
  return resolveConfig({ flags: new Map(), environment: {}, file: { name: 'leveret.conf', text } })
}

const EFFECTIVE_CONFIG = (): string => ''

interface Doors {
  readonly management: ManagementOptions[]
  readonly metrics: MetricsOptions[]
}

/** What is asked of a server with this config file. */
async function doors(text: string): Promise<Doors> {
  const resolution = resolve(text)
  if (!resolution.isValid) throw new Error(resolution.errors.join('\n'))
  const opened: Doors = { management: [], metrics: [] }
  const at = (): Promise<HttpAddress> => Promise.resolve({ host: 'h', port: 1, url: 'u' })
  const server = {
    listenManagement: (options: ManagementOptions) => {
      opened.management.push(options)
      return at()
    },
    listenMetrics: (options: MetricsOptions) => {
      opened.metrics.push(options)
      return at()
    },
  }
  await openHttpDoors(server, resolution.config, EFFECTIVE_CONFIG, silentLogger)
  return opened
}

const families = [
  { door: 'management', key: 'management', usualPort: 15_672, tlsPort: 15_671, flag: '--management-tls' },
  { door: 'metrics', key: 'prometheus', usualPort: 15_692, tlsPort: 15_691, flag: '--metrics-tls' },
] as const

describe.each(families)('the port of the $door', ({ door, key, usualPort, tlsPort, flag }) => {
  test('is plain HTTP unless something else is said', async () => {
    const [only, ...others] = (await doors(''))[door]
    expect(only).toMatchObject({ host: '127.0.0.1', port: usualPort })
    expect(only?.tls).toBeUndefined()
    expect(others).toEqual([])
  })

  test('is for TLS alone once there is one for TLS, as in RabbitMQ', async () => {
    const text = `${key}.ssl.port = ${tlsPort}\n${key}.ssl.certfile = c.pem\n${key}.ssl.keyfile = k.pem`
    const [only, ...others] = (await doors(text))[door]
    expect(only).toMatchObject({ port: tlsPort, tls: { certFile: 'c.pem', keyFile: 'k.pem', verifyPeer: false } })
    expect(others).toEqual([])
    expect((await doors(`${text}\n${key}.tcp.port = ${usualPort}`))[door]).toHaveLength(2)
  })

  test('has the certificate of the listeners when it has none, and RabbitMQ’s other settings', async () => {
    const text = [
      'ssl_options.certfile = c.pem',
      'ssl_options.keyfile = k.pem',
      `${key}.ssl.port = ${tlsPort}`,
      `${key}.ssl.ip = 127.0.0.2`,
      `${key}.ssl.cacertfile = ca.pem`,
      `${key}.ssl.verify = verify_peer`,
      `${key}.ssl.fail_if_no_peer_cert = true`,
      `${key}.ssl.versions.1 = tlsv1.3`,
      `${key}.ssl.honor_cipher_order = true`,
    ]
    const [only] = (await doors(text.join('\n')))[door]
    expect(only).toMatchObject({
      host: '127.0.0.2',
      tls: {
        certFile: 'c.pem',
        caFile: 'ca.pem',
        verifyPeer: true,
        requireCertificate: true,
        versions: ['tlsv1.3'],
      },
    })
  })

  test.each([
    [`${key}.ssl.port = ${tlsPort}`, `${flag}-port needs ${flag}-cert and ${flag}-key, or --tls-cert and --tls-key`],
    [`${key}.ssl.certfile = c.pem`, `${flag}-cert and ${flag}-key go together`],
    [`${key}.ssl.verify = verify_peer`, `${flag}-verify verify_peer needs ${flag}-ca`],
    [`${key}.ssl.fail_if_no_peer_cert = true`, `${flag}-fail-if-no-peer-cert needs ${flag}-verify verify_peer`],
  ])('refuses what makes no sense: %s', (text, error) => {
    const resolution = resolve(text)
    expect(resolution.isValid ? [] : resolution.errors).toEqual([error])
  })
})
