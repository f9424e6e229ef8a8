import { expect, test } from 'vitest'
import { fileInForm } from '../../src/http/form-file.ts'

async function encoded(fields: readonly (readonly [name: string, content: string | Blob])[]) {
  const form = new FormData()
  for (const [name, content] of fields) form.append(name, content as Blob)
  const request = new Request('http://localhost/', { method: 'POST', body: form })
  return { bytes: Buffer.from(await request.arrayBuffer()), type: request.headers.get('content-type') ?? '' }
}

test.each(['', '{"a":1}', '--', '\r\n--', '\r\n\r\n', 'name="file"\r\n\r\nx', 'é\r\n'])(
  'the file %j',
  async (content) => {
    const others = [
      ['other', 'name="file"'],
      ['files', 'x'],
      ['file2', new Blob(['y'])],
    ] as const
    for (const file of [content, new Blob([content], { type: 'application/json' })]) {
      for (const fields of [
        [['file', file] as const],
        [...others, ['file', file] as const],
        [['file', file] as const, ...others],
      ]) {
        const { bytes, type } = await encoded(fields)
        expect(fileInForm(bytes, type)?.toString()).toBe(content)
      }
    }
  },
)

test('there may be none', async () => {
  const { bytes, type } = await encoded([
    ['other', 'x'],
    ['empty', ''],
  ])
  expect(fileInForm(bytes, type)).toBe(undefined)
  expect(fileInForm(bytes, 'multipart/form-data')).toBe(undefined)
  expect(fileInForm(bytes, 'multipart/form-data; boundary=other')).toBe(undefined)
  expect(fileInForm(Buffer.from(''), type)).toBe(undefined)
})

test('a form that is cut off has no file', async () => {
  const { bytes, type } = await encoded([['file', 'content']])
  for (let at = 0; at < bytes.length - 8; at++) {
    const found = fileInForm(bytes.subarray(0, at), type)
    expect(found?.toString() ?? 'content', `cut at ${at}`).toBe('content')
  }
  expect(fileInForm(bytes.subarray(0, bytes.indexOf('content') + 3), type)).toBe(undefined)
})
