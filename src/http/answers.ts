/** The answers of the API. */
import { jsonText } from '../lib/exact-json.ts'
import type { Call } from './call.ts'
import { columnsOf, pick } from './lists/columns.ts'

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-cache' }

/** An object, or a list that nothing is to be sorted or left out of. */
export function json(value: unknown, status = 200): Response {
  return new Response(jsonText(value), { status, headers: JSON_HEADERS })
}

/** An object, with the columns that were asked for. */
export function object(call: Call, value: unknown): Response {
  return json(pick(value, columnsOf(call.query)))
}

export function error(status: number, name: string, reason: string): Response {
  return new Response(jsonText({ error: name, reason }), { status, headers: { 'content-type': 'application/json' } })
}

/** Browsers and tools ask for a name and a password then. */
export function unauthorized(): Response {
  const response = error(401, 'not_authorized', 'Not_Authorized')
  response.headers.set('www-authenticate', 'Basic realm="RabbitMQ Management"')
  return response
}

/** The answer to HEAD: that to GET, whose body is not sent. What would have made it is told so. */
export function withoutBody({ body, status, headers }: Response): Response {
  body?.cancel().catch(() => {})
  return new Response(null, { status, headers })
}

/** 201 for what is new, 204 for what was there already. */
export function put(isNew: boolean): Response {
  return isNew ? created() : done()
}

export function created(location?: string): Response {
  return new Response(null, {
    status: 201,
    headers: { 'content-length': '0', ...(location === undefined ? {} : { location }) },
  })
}

export function done(): Response {
  return new Response(null, { status: 204 })
}
