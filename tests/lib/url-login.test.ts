import { expect, test } from 'vitest'
import { withoutLogin } from '../../src/lib/url-login.ts'

test.each([
  ['http://ann:hush@host/a@b?c#d', 'http://(hidden)@host/a@b?c#d'],
  ['https://hush@host', 'https://(hidden)@host'],
  [`http://ann:it's "h:u@s" <h>@host:1/`, 'http://(hidden)@host:1/'],
  ['http:\\\\ann:hush@host', 'http:\\\\(hidden)@host'],
  [
    'a.issuer=https://ann:hush@a/,b.issuer=https://b:hush@b/',
    'a.issuer=https://(hidden)@a/,b.issuer=https://(hidden)@b/',
  ],
  ['http://host:80/?to=ann@host', 'http://host:80/?to=ann@host'],
  ['file:///keys@home', 'file:///keys@home'],
  ['ann@host', 'ann@host'],
])('%s is shown without a login', (url, shown) => {
  expect(withoutLogin(url)).toBe(shown)
  if (URL.canParse(url) && URL.canParse(shown)) expect(new URL(shown).host).toBe(new URL(url).host)
})
