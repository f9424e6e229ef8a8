/** What the API refuses, with RabbitMQ's status codes and bodies. */
import { BrokerError, type BrokerErrorKind } from '../broker/errors.ts'

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly error: string

  constructor(status: number, error: string, reason: string) {
    super(reason)
    this.status = status
    this.error = error
  }
}

export function badRequest(reason: string): ApiError {
  return new ApiError(400, 'bad_request', reason)
}

export function notFound(): ApiError {
  return new ApiError(404, 'Object Not Found', 'Not Found')
}

/** RabbitMQ answers 401, not 403, to what a user may not do. */
export function notAuthorised(reason: string): ApiError {
  return new ApiError(401, 'not_authorised', reason)
}

/** The one map from refusals of the broker. */
const STATUS: Record<BrokerErrorKind, number> = {
  'not-found': 404,
  'access-refused': 401,
  'not-allowed': 401,
  'resource-locked': 400,
  'precondition-failed': 400,
  'not-implemented': 400,
  'resource-error': 400,
  'malformed-content': 400,
  'no-route': 400,
}

function ofRefusal({ kind, message }: BrokerError): ApiError {
  const status = STATUS[kind]
  if (status === 404) return new ApiError(404, 'not_found', message)
  return status === 401 ? notAuthorised('Access refused.') : badRequest(message)
}

/** Undefined for a defect. The broker's API throws RangeError and TypeError for values that make no sense. */
export function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error
  if (error instanceof BrokerError) return ofRefusal(error)
  if (error instanceof RangeError || isOptionError(error)) return badRequest((error as Error).message)
  return undefined
}

/** TypeErrors that say what is wrong with a value; all others are defects. */
function isOptionError(error: unknown): boolean {
  return (
    error instanceof TypeError &&
    / must be | must have a method |^a field table |^unknown (?:option|property|limit)/.test(error.message)
  )
}
