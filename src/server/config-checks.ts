/** What each setting of a server may be. */
import { NUMBER_SETTINGS } from '../../config/number-settings.ts'
import { SHORTSTR_BYTES_MAX } from '../../protocol/short-string.ts'
import { aBackendsConfig } from '../auth/backends/backends-config.ts'
import { DEFAULT_QUEUE_TYPES } from '../embedded/vhost-options.ts'
import {
  aBoolean,
  type Check,
  type Checks,
  oneOf,
  optional,
  severalOf,
  text,
  texts,
  wholeNumber,
} from '../lib/checks.ts'
import { MECHANISM_NAMES } from '../lib/mechanism-names.ts'
import type { ServerConfig } from './server-config.ts'

const name = text(1, SHORTSTR_BYTES_MAX)

export const CONFIG_CHECKS: Checks<ServerConfig> = {
  bind: text(1, 255),
  port: numberIn('port'),
  frameMaxBytes: numberIn('frameMaxBytes'),
  initialFrameMaxBytes: numberIn('initialFrameMaxBytes'),
  channelMax: numberIn('channelMax'),
  connectionMax: countIn('connectionMax'),
  channelMaxPerNode: countIn('channelMaxPerNode'),
  consumerMaxPerChannel: countIn('consumerMaxPerChannel'),
  consumerMax: countIn('consumerMax'),
  unackedBytesMaxPerConnection: countIn('unackedBytesMaxPerConnection'),
  unackedBytesMax: countIn('unackedBytesMax'),
  vhostMax: countIn('vhostMax'),
  queueMax: countIn('queueMax'),
  exchangeMax: countIn('exchangeMax'),
  bindingMax: countIn('bindingMax'),
  heartbeatSec: numberIn('heartbeatSec'),
  handshakeTimeoutMs: numberIn('handshakeTimeoutMs'),
  sendTimeoutMs: numberIn('sendTimeoutMs'),
  consumerTimeoutMs: numberIn('consumerTimeoutMs'),
  maxMessageSizeBytes: numberIn('maxMessageSizeBytes'),
  defaultUser: name,
  makesDefaultUser: aBoolean,
  defaultPass: aSecret,
  defaultUserTags: texts,
  defaultVhost: name,
  defaultQueueType: oneOf(DEFAULT_QUEUE_TYPES),
  loopbackUsers: texts,
  allowAnonymous: aBoolean,
  anonymousLoginUser: optional(name),
  authMechanisms: severalOf(MECHANISM_NAMES),
  sslCertLoginFrom: oneOf(['distinguished_name', 'common_name', 'subject_alternative_name']),
  sslCertLoginSanType: oneOf(['dns', 'ip', 'email', 'uri']),
  sslCertLoginSanIndex: numberIn('sslCertLoginSanIndex'),
  passwordHashing: oneOf(['scrypt', 'sha256', 'sha512']),
  passwordLengthMin: numberIn('passwordLengthMin'),
  passwordPattern: optional(text(1, 1024)),
  backends: aBackendsConfig,
  loginFailuresMax: numberIn('loginFailuresMax'),
  loginSocketsMax: numberIn('loginSocketsMax'),
  loginSocketsPerAddressMax: numberIn('loginSocketsPerAddressMax'),
  eventLoopDelayLimitMs: numberIn('eventLoopDelayLimitMs'),
  storeDelayLimitMs: numberIn('storeDelayLimitMs'),
  memoryLimitBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  shutdownGraceMs: numberIn('shutdownGraceMs'),
}

function numberIn(setting: keyof typeof NUMBER_SETTINGS): Check {
  const { min, max } = NUMBER_SETTINGS[setting]
  return wholeNumber(min, max)
}

/** Infinity is a count, too. */
function countIn(setting: keyof typeof NUMBER_SETTINGS): Check {
  const check = numberIn(setting)
  return (value, field) => {
    if (value !== Number.POSITIVE_INFINITY) check(value, field)
  }
}

/** It never shows up in an error. */
function aSecret(value: unknown, field: string): void {
  if (typeof value !== 'string') throw new TypeError(`${field} must be a string`)
  if (value === '') throw new RangeError(`${field} is empty; no client can log in with an empty password`)
}
