import { expect, test } from 'vitest'
import { redacted } from '../../src/lib/redacted.ts'

const SECRETS: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['a URI', 'cannot reach amqp://app:hush@host:5672/v', 'cannot reach amqp://app:(hidden)@host:5672/v'],
  ['a URI with an @ in its password', 'amqps://app:hu@sh@host/v', 'amqps://app:(hidden)@host/v'],
  ['a URI without a user', 'redis://:hush@host', 'redis://:(hidden)@host'],
  ['two URIs', 'http://a:hush@b, http://c:hush@d', 'http://a:(hidden)@b, http://c:(hidden)@d'],
  ['a header', 'Authorization: Bearer hush.hush.hush', 'Authorization: Bearer (hidden)'],
  ['basic credentials', 'sent Basic aHVzaGh1c2g=', 'sent Basic (hidden)'],
  ['a token', 'bad token eyJhbGciOiJI.eyJzdWIiOiIx.hush-_1', 'bad token (hidden)'],
  ['an option', '--default-pass=hush', '--default-pass=(hidden)'],
  ['a key of a file', "default_pass = 'hush hush'", "default_pass = '(hidden)'"],
  ['JSON', '{"password":"hu\\"sh","user":"app"}', '{"password":"(hidden)","user":"app"}'],
  [
    'JSON in JSON',
    '{"msg":"{\\"client_secret\\":\\"hush\\",\\"a\\":1}"}',
    '{"msg":"{\\"client_secret\\":\\"(hidden)\\",\\"a\\":1}"}',
  ],
  ['a field of the log', '{"err":{"deep":{"token":"hush"}}}', '{"err":{"deep":{"token":"(hidden)"}}}'],
  ['a form', 'user=app&password=hush&x=1', 'user=app&password=(hidden)&x=1'],
]

test.each(SECRETS)('%s', (_, text, shown) => {
  expect(redacted(text)).toBe(shown)
})

test.each([
  "connection closed: NOT_FOUND - no queue 'tokens' in vhost '/'",
  'amqp://127.0.0.1:5672',
  'Login was refused using authentication mechanism PLAIN. For details see the broker logfile.',
  '{"level":"info","peer":"127.0.0.1:5000","msg":"connection opened"}',
  'a new secret was refused',
])('what has no secret in it stays as it is: %s', (text) => {
  expect(redacted(text)).toBe(text)
})
