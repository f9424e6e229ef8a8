// Reply codes and what a close method must say.

import { expect } from 'vitest'
import { type MethodArguments, type MethodName, methodIds } from './wire-methods.ts'

const CODE_NAMES: Readonly<Record<number, string>> = {
  311: 'CONTENT_TOO_LARGE',
  320: 'CONNECTION_FORCED',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  405: 'RESOURCE_LOCKED',
  406: 'PRECONDITION_FAILED',
  501: 'FRAME_ERROR',
  502: 'SYNTAX_ERROR',
  503: 'COMMAND_INVALID',
  504: 'CHANNEL_ERROR',
  505: 'UNEXPECTED_FRAME',
  530: 'NOT_ALLOWED',
  540: 'NOT_IMPLEMENTED',
  541: 'INTERNAL_ERROR',
}

/**
 * Checks code, whole text and failing method of a close. The text is what stands behind the code's name (a pattern is
 * matched against that part); an empty one means that the name stands alone.
 */
export function expectClose(args: MethodArguments, code: number, text: string | RegExp, method?: MethodName): void {
  const name = CODE_NAMES[code]
  let replyText: unknown = text === '' ? name : `${name} - ${text}`
  if (text instanceof RegExp) replyText = expect.stringMatching(`^${name} - ${text.source}`)
  expect(args).toEqual({ replyCode: code, replyText, ...methodIds(method) })
}

/** The text of every refusal that concerns an exclusive queue of another connection. */
export function lockedQueue(queue: string): string {
  return (
    `cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on ` +
    'another connection or the exclusive property value does not match that of the original declaration.'
  )
}
