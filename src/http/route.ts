/** Routes are data: what is below `/api`, whom each endpoint is for, and what it does. */
import type { Requirement } from './access.ts'
import type { Call } from './call.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

export interface Endpoint {
  readonly requires: Requirement
  handle(call: Call): Promise<Response> | Response
}

export interface Route {
  /** Below `/api`; `:name` stands for one part. */
  readonly path: string
  readonly methods: { readonly [method in Method]?: Endpoint }
}

export function endpoint(requires: Requirement, handle: Endpoint['handle']): Endpoint {
  return { requires, handle }
}
