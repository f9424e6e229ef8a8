import { parseJson } from '../../../lib/exact-json.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'

/** A JSON object from the command line. Throws CtlFailure for anything else. */
export function givenJson(text: string): Readonly<Record<string, unknown>> {
  const value = givenValue(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CtlFailure(CtlExit.data, `this is not a JSON object such as {"max-length": 1000}: ${text.slice(0, 80)}`)
  return value as Readonly<Record<string, unknown>> // it is an object
}

/** Any JSON value. Throws CtlFailure for what is none. */
export function givenValue(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    throw new CtlFailure(CtlExit.data, `this is not valid JSON: ${text.slice(0, 80)}`)
  }
}
