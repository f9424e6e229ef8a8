// Settings in numbers that the command line and a program around the broker both know: what each may be, and what it is
// unless it is set.

export interface NumberSetting {
  readonly min: number
  readonly max: number
  readonly default: number
}

const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS
/** Of a number with two bytes. */
const SHORT_MAX = 65_535

/** How many there may be of something: any number, unless it is set. */
const COUNT: NumberSetting = { min: 0, max: 2 ** 31 - 1, default: Number.POSITIVE_INFINITY }

/** How many bytes of something, in all. */
const BYTES: NumberSetting = { min: 0, max: 2 ** 50, default: Number.POSITIVE_INFINITY }

export const NUMBER_SETTINGS = {
  port: { min: 0, max: SHORT_MAX, default: 5672 },
  heartbeatSec: { min: 0, max: SHORT_MAX, default: 60 },
  handshakeTimeoutMs: { min: 100, max: HOUR_MS, default: 10_000 },
  tlsHandshakeTimeoutMs: { min: 100, max: HOUR_MS, default: 5000 },
  sendTimeoutMs: { min: 0, max: HOUR_MS, default: 15_000 },
  consumerTimeoutMs: { min: 0, max: YEAR_MS, default: 0 },
  frameMaxBytes: { min: 4096, max: 16_777_216, default: 131_072 },
  initialFrameMaxBytes: { min: 4096, max: 16_777_216, default: 8192 },
  channelMax: { min: 1, max: SHORT_MAX, default: 2047 },
  maxMessageSizeBytes: { min: 1, max: 536_870_912, default: 16_777_216 },
  eventLoopDelayLimitMs: { min: 0, max: 60_000, default: 1000 },
  storeDelayLimitMs: { min: 0, max: HOUR_MS, default: 15_000 },
  connectionMax: COUNT,
  channelMaxPerNode: COUNT,
  consumerMaxPerChannel: COUNT,
  consumerMax: COUNT,
  unackedBytesMaxPerConnection: BYTES,
  unackedBytesMax: BYTES,
  vhostMax: COUNT,
  queueMax: COUNT,
  exchangeMax: COUNT,
  bindingMax: COUNT,
  passwordLengthMin: { min: 1, max: 1024, default: 1 },
  sslCertLoginSanIndex: { min: 0, max: 255, default: 0 },
  authHttpRequestTimeoutMs: { min: 1, max: 600_000, default: 15_000 },
  authHttpConnectionTimeoutMs: { min: 1, max: 600_000, default: 15_000 },
  authCacheTtlMs: { min: 1, max: HOUR_MS, default: 15_000 },
  loginFailuresMax: { min: 0, max: 1_000_000, default: 10 },
  loginSocketsMax: { min: 1, max: 1_000_000, default: 10_000 },
  loginSocketsPerAddressMax: { min: 1, max: 1_000_000, default: 2_000 },
  shutdownGraceMs: { min: 0, max: HOUR_MS, default: 10_000 },
} as const satisfies Readonly<Record<string, NumberSetting>>
