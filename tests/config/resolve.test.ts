import { describe, expect, test } from 'vitest'
import { OPTION_NAMES, OPTIONS, type OptionName } from '../../config/options.ts'
import { configFilePath, resolveConfig } from '../../config/resolve.ts'

interface Given {
  readonly flags?: Partial<Record<OptionName, string>>
  readonly environment?: Record<string, string>
  readonly file?: string
}

function resolve({ flags = {}, environment = {}, file }: Given) {
  return resolveConfig({
    flags: new Map(Object.entries(flags) as [OptionName, string][]),
    environment,
    ...(file === undefined ? {} : { file: { name: 'leveret.conf', text: file } }),
  })
}

function config(given: Given) {
  const resolution = resolve(given)
  if (!resolution.isValid) throw new Error(resolution.errors.join('\n'))
  return resolution.config
}

function errors(given: Given): readonly string[] {
  const resolution = resolve(given)
  return resolution.isValid ? [] : resolution.errors
}

describe('precedence', () => {
  test('nothing given means the defaults', () => {
    for (const name of OPTION_NAMES) expect(config({})[name], name).toEqual(OPTIONS[name].defaultValue)
  })

  test('a flag is stronger than a variable, that is stronger than the file', () => {
    const file = 'listeners.tcp.default = 1'
    const environment = { LEVERET_PORT: '2' }
    expect(config({ file }).port).toBe(1)
    expect(config({ file, environment }).port).toBe(2)
    expect(config({ file, environment, flags: { port: '3' } }).port).toBe(3)
  })

  test('our own variable is stronger than the one of RabbitMQ', () => {
    expect(config({ environment: { RABBITMQ_NODE_PORT: '7', LEVERET_PORT: '8' } }).port).toBe(8)
    expect(config({ environment: { RABBITMQ_DEFAULT_USER: 'u', RABBITMQ_DEFAULT_PASS: 'p' } })).toMatchObject({
      defaultUser: 'u',
      defaultPass: 'p',
    })
    expect(config({ environment: { RABBITMQ_DEFAULT_VHOST: 'v' } }).defaultVhost).toBe('v')
  })

  test('an empty variable is as good as none', () => {
    expect(config({ environment: { LEVERET_PORT: '', RABBITMQ_NODE_PORT: '9' } }).port).toBe(9)
  })

  test('the config file comes from the flag or the variable', () => {
    const environment = { LEVERET_CONFIG: 'a.conf' }
    expect(configFilePath({ flags: new Map(), environment })).toBe('a.conf')
    expect(configFilePath({ flags: new Map([['config', 'b.conf']]), environment })).toBe('b.conf')
    expect(configFilePath({ flags: new Map(), environment: {} })).toBeUndefined()
  })
})

describe('errors', () => {
  test('name the option, the value, the place and what is allowed', () => {
    expect(errors({ flags: { port: '99999' } })).toEqual([
      "--port is '99999': must be an integer from 0 to 65535, or 'none'",
    ])
    expect(errors({ environment: { LEVERET_CHANNEL_MAX: '0' } })).toEqual([
      "channel-max (environment variable LEVERET_CHANNEL_MAX) is '0': must be an integer from 1 to 65535",
    ])
    expect(errors({ file: '\nheartbeat = often' })).toEqual([
      "heartbeat (heartbeat in leveret.conf, line 2) is 'often': must be an integer from 0 to 65535",
    ])
  })

  test('are reported all at once', () => {
    const given = {
      flags: { port: 'x' },
      environment: { LEVERET_FRAME_MAX: '1', LEVERET_STORAGE: 'tape' },
      file: 'nonsense\nlog.console.level = loud',
    }
    expect(errors(given)).toHaveLength(5)
  })

  test('never show a password', () => {
    const [only] = errors({ environment: { LEVERET_DEFAULT_PASS: 'hush'.repeat(300) } })
    expect(only).toContain('default-pass')
    expect(only).not.toContain('hush')
  })

  test.each([
    ['frameMaxBytes', '4095'],
    ['frameMaxBytes', '16777217'],
    ['frameMaxBytes', '0'],
    ['channelMax', '65536'],
    ['heartbeatSec', '65536'],
    ['maxMessageSizeBytes', '536870913'],
    ['maxMessageSizeBytes', '0'],
    ['shutdownGraceSec', '3601'],
    ['handshakeTimeoutMs', '99'],
    ['sendTimeoutMs', '3600001'],
    ['sendTimeoutMs', '-1'],
    ['port', '65536'],
    ['memoryLimit', '0'],
    ['storage', 'level'],
    ['logLevel', 'trace'],
  ] as const)('%s may not be %s', (name, value) => {
    expect(errors({ flags: { [name]: value } })).toHaveLength(1)
  })
})

describe('environment', () => {
  test('warns about an unknown variable and names the nearest known one', () => {
    const { warnings } = resolve({ environment: { LEVERET_FRAMEMAX: '8192', OTHER: '1' } })
    expect(warnings).toEqual([
      'unknown environment variable LEVERET_FRAMEMAX is ignored; did you mean LEVERET_FRAME_MAX?',
    ])
  })

  test('does not take what Kubernetes sets for a service named leveret for settings', () => {
    const environment = {
      LEVERET_PORT: 'tcp://10.0.0.1:5672',
      LEVERET_SERVICE_HOST: '10.0.0.1',
      LEVERET_PORT_5672_TCP_ADDR: '10.0.0.1',
    }
    const resolution = resolve({ environment })
    expect(resolution).toMatchObject({ isValid: true, config: { port: 5672 }, warnings: [] })
  })
})
