/**
 * Takes secrets out of text before it is shown: in the log, on standard error, in the words of a crash. What knows a secret does not
 * show it; this is for what comes from elsewhere, such as the text of an error that has a URI in it. All of it takes linear time.
 */

const HIDDEN = '(hidden)'

/** `amqp://user:secret@host`: up to the last @ before the path, since a careless password has one in it. */
const URI_PASSWORD = /\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@"'<>]*):[^\s/"'<>]*@/gi
/** `Authorization: Bearer …`, `Basic …`. */
const CREDENTIALS = /\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{6,}/gi
/** A token with three parts, the first two of which are JSON objects. */
const TOKEN = /\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*/g
/** `password=…`, `"pass": "…"`, `client_secret: …`, quoted in any way, also inside JSON. */
const NAMED = new RegExp(
  [
    String.raw`\b([\w.-]{0,60}(?:password|passwd|passphrase|default[_-]?pass|secret|(?:access|refresh|id)[_-]?token|api[_-]?key))`,
    String.raw`(\\?["']?\s*[:=]\s*)`,
    String.raw`(\\"(?:(?!\\").)*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',;&)}\]]+)`,
  ].join(''),
  'gis',
)
/** Fields of the log with these names, however deep they are. */
const FIELD = /"(pass|token|payload|body|authorization|cookie)":"(?:[^"\\]|\\.)*"/gi

export function redacted(text: string): string {
  return text
    .replace(URI_PASSWORD, `$1:${HIDDEN}@`)
    .replace(CREDENTIALS, `$1$2${HIDDEN}`)
    .replace(TOKEN, HIDDEN)
    .replace(FIELD, `"$1":"${HIDDEN}"`)
    .replace(NAMED, (_, name: string, between: string, value: string) => `${name}${between}${inQuotesOf(value)}`)
}

/** The value is hidden, and stays in the quotes that it had. */
function inQuotesOf(value: string): string {
  const quote = /^\\?["']/.exec(value)?.[0] ?? ''
  return `${quote}${HIDDEN}${quote}`
}
