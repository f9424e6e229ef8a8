/** A JSON object from a URL: of a web server, or a file. Throws Error for all else, an answer that is no 200 included. */
import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { withoutLogin } from '../../lib/url-login.ts'
import type { HttpClient } from '../http-client.ts'

export const JSON_BYTES_MAX = 256 * 1024

export async function jsonObject(url: string, http: HttpClient): Promise<Readonly<Record<string, unknown>>> {
  const text = url.startsWith('file:') ? await fileText(fileURLToPath(url)) : await answerText(url, http)
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${withoutLogin(url)} is no JSON object`)
  return value as Readonly<Record<string, unknown>>
}

async function fileText(path: string): Promise<string> {
  if ((await stat(path)).size > JSON_BYTES_MAX) throw new Error(`${path} has more than ${JSON_BYTES_MAX} bytes`)
  return await readFile(path, 'utf8')
}

async function answerText(url: string, http: HttpClient): Promise<string> {
  const { status, body } = await http.get(url)
  if (status !== 200) throw new Error(`${withoutLogin(url)} answers ${status}`)
  return body
}
