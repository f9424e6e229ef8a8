/** When messages expire: what their publisher says, what their queue says, and what follows from both. */
import { printText } from '../../../protocol/erlang-terms.ts'
import { refuse } from '../errors.ts'

/** RabbitMQ's longest time: ten years. Policies may have longer ones. */
export const TIME_MS_MAX = 315_360_000_000

/** No message expires later: the time of its expiry has 48 bits. */
const EXPIRES_AT_MS_MAX = 2 ** 48 - 1
const DIGIT_0 = '0'.charCodeAt(0)

/** The milliseconds in the property `expiration`, which is a whole number in decimal digits. Throws BrokerError. */
export function parseExpiration(text: string): number {
  const digits = /^[+-]?\d+/.exec(text)?.[0]
  if (digits === undefined) throw refuse.invalidExpiration(text, 'no_integer')
  const rest = text.slice(digits.length)
  if (rest !== '') throw refuse.invalidExpiration(text, `{leftover_string,${printText(rest)}}`)
  const value = BigInt(digits.replace(/^\+/, ''))
  if (value < 0n) throw refuse.invalidExpiration(text, `{value_negative,${value}}`)
  if (value > TIME_MS_MAX) throw refuse.invalidExpiration(text, `{value_too_large,${value}}`)
  return Number(value)
}

/** The same for the short string at `at`, without a string being made of it where it has digits only. */
export function expirationAt(bytes: Buffer, at: number): number {
  const start = at + 1
  const end = start + (bytes[at] as number)
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - DIGIT_0
    if (digit < 0 || digit > 9) return parseExpiration(bytes.toString('utf8', start, end))
    value = value * 10 + digit
  }
  return start === end || value > TIME_MS_MAX ? parseExpiration(bytes.toString('utf8', start, end)) : value
}

/**
 * When a message that arrives now expires, in whole milliseconds and never too early: the lower of the times that its queue and its
 * publisher allow it counts. Undefined when it never does. It has expired once the time is this one: with no time at all, it has now.
 */
export function expiresAtMs(nowMs: number, queueTtlMs?: number, expirationMs?: number): number | undefined {
  if (queueTtlMs === undefined && expirationMs === undefined) return undefined
  const never = Number.POSITIVE_INFINITY
  const ttlMs = Math.min(queueTtlMs ?? never, expirationMs ?? never)
  const atMs = ttlMs === 0 ? Math.floor(nowMs) : Math.ceil(nowMs + ttlMs)
  return atMs > EXPIRES_AT_MS_MAX ? undefined : atMs
}
