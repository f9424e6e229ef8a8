/** The wish that the broker stops: a signal, or a word of its operator. */

/** Ctrl-C below `npm start` arrives twice, from the terminal and from npm: that is one wish. */
const SAME_SIGNAL_MS = 500
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

export interface StopRequest {
  /** Resolves with what has asked for it first. */
  readonly requested: Promise<string>
  /** Stops the broker without a signal. */
  request(by: string): void
  /** Signals are not listened to any more. */
  ignore(): void
}

/** `onSecond` is called for every signal behind the first wish. */
export function stopRequest(
  signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>,
  onSecond: (signal: string) => void,
): StopRequest {
  let resolveRequested: (by: string) => void
  const requested = new Promise<string>((resolve) => {
    resolveRequested = resolve
  })
  let requestedAtMs: number | undefined
  const request = (by: string): void => {
    const nowMs = performance.now()
    if (requestedAtMs === undefined) {
      requestedAtMs = nowMs
      resolveRequested(by)
    } else if (nowMs - requestedAtMs >= SAME_SIGNAL_MS) onSecond(by)
  }
  for (const name of SIGNALS) signals.on(name, request)
  const ignore = (): void => {
    for (const name of SIGNALS) signals.off(name, request)
  }
  return { requested, request, ignore }
}

export async function withinTime(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
