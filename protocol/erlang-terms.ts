/**
 * Values as Erlang prints them, which is how RabbitMQ quotes them in its texts:
 *
 *     <<"abc">>   octets that are all printable        <<0,1,255>>   all others
 *     "abc"       text that is all printable           [0,1,255]     all other text
 *     3.0         a double, at its shortest: 1.0e5
 *
 * RabbitMQ also prints the upper half of Latin-1 as it is, which is no UTF-8: many clients cannot read such a text. Here
 * octets above 126 count as not printable.
 */

/** No reply text is longer, so what stands behind so many octets is never seen. */
const OCTETS_MAX = 256

const ESCAPED = new Map([...'\b\t\n\v\f\r\x1b"\\'].map((char, i) => [char, `\\${'btnvfre"\\'[i]}`]))

/** By octet: how it is written between quotes; undefined when only its number will do. */
const PRINTED: readonly (string | undefined)[] = Array.from({ length: 256 }, (_, octet) => {
  const char = String.fromCharCode(octet)
  return ESCAPED.get(char) ?? (octet >= 32 && octet <= 126 ? char : undefined)
})

/** From here on doubles are not exact, and Erlang always prints an exponent. */
const EXPONENT_FROM = 2 ** 53

/** Octets: quoted when all of them are printable, otherwise their numbers. */
export function printBinary(bytes: Uint8Array): string {
  const text = quoted(bytes)
  return text === undefined ? listBinary(bytes) : `<<${text === '""' ? '' : text}>>`
}

/** Octets as numbers, whatever they are. */
export function listBinary(bytes: Uint8Array): string {
  return `<<${bytes.subarray(0, OCTETS_MAX).join(',')}>>`
}

/** Text as Erlang knows it, a list of octets. */
export function printText(text: string | Uint8Array): string {
  const bytes = Buffer.from(text as string)
  if (bytes.length === 0) return '[]'
  return quoted(bytes) ?? `[${bytes.subarray(0, OCTETS_MAX).join(',')}]`
}

function quoted(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const octet of bytes) {
    const printed = PRINTED[octet]
    if (printed === undefined) return undefined
    text += printed
  }
  return `"${text}"`
}

/** The shortest digits that give the same double again, with an exponent where that is shorter. */
export function printDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const sign = value < 0 ? '-' : ''
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential().split('e')
  return sign + placed(mantissa.replace('.', ''), Number(exponent), Math.abs(value) >= EXPONENT_FROM)
}

/** Digits with their point: behind the first one and with an exponent, or where it belongs. */
function placed(digits: string, exponent: number, isHuge: boolean): string {
  const pointAt = exponent + 1
  const withExponent = `${digits[0]}.${digits.slice(1) || '0'}e${exponent}`
  if (isHuge) return withExponent
  let plain: string
  if (pointAt <= 0) plain = `0.${'0'.repeat(-pointAt)}${digits}`
  else if (pointAt >= digits.length) plain = `${digits}${'0'.repeat(pointAt - digits.length)}.0`
  else return `${digits.slice(0, pointAt)}.${digits.slice(pointAt)}`
  return plain.length <= withExponent.length ? plain : withExponent
}
