import type { ReceivedProperties } from './wire-frames.ts'
import type { MethodArguments, MethodName } from './wire-methods.ts'

export interface Content {
  readonly properties: ReceivedProperties
  /** The property flags, those of no meaning included. */
  readonly flags: number
  readonly body: Buffer
  /** Payload sizes of the body frames, in order. */
  readonly frameSizes: readonly number[]
}

export interface Received {
  readonly channel: number
  readonly name: MethodName
  readonly args: MethodArguments
  readonly content?: Content
}

export function describeReceived({ channel, name, args, content }: Received): string {
  const shown = JSON.stringify(args, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  return `channel ${channel}: ${name} ${shown}${content ? ` '${content.body.subarray(0, 40)}'` : ''}`
}
