/** What a client makes of connection.tune: it may lower what we offered, but neither raise it nor lift it. */
import { FRAME_MIN_BYTES, ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import type { MethodArguments } from '../../protocol/methods.ts'
import type { AmqpLimits } from './context.ts'

const TUNE_CLASS = 10
const TUNE_METHOD = 30

/** Throws FrameError for what is not allowed. */
export function checkTuning(
  { channelMax, frameMax }: MethodArguments<'connection.tune-ok'>,
  limits: Pick<AmqpLimits, 'channelMax' | 'frameMaxBytes'>,
): void {
  if (frameMax !== 0 && frameMax < FRAME_MIN_BYTES) {
    throw notTuned(`negotiated frame_max = ${frameMax} is lower than the minimum allowed value (${FRAME_MIN_BYTES})`)
  }
  checkNegotiated('frame_max', frameMax, limits.frameMaxBytes)
  checkNegotiated('channel_max', channelMax, limits.channelMax)
}

function checkNegotiated(name: string, value: number, limit: number): void {
  if (limit === 0 || (value !== 0 && value <= limit)) return
  const shown = value === 0 ? '0 (no limit)' : String(value)
  throw notTuned(`negotiated ${name} = ${shown} is higher than the maximum allowed value (${limit})`)
}

function notTuned(text: string): FrameError {
  return new FrameError(ReplyCode.NOT_ALLOWED, text, TUNE_CLASS, TUNE_METHOD)
}
