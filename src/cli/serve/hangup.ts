/**
 * SIGHUP: programs that rotate logs, and operators, send it at any time. While the broker starts, it waits until that is done; while
 * the broker stops, it does nothing. Without a listener it would end the process.
 */
export class Hangup {
  readonly #signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  #reload: (() => void) | undefined
  #isWaiting = false

  constructor(signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>) {
    this.#signals = signals
    signals.on('SIGHUP', this.#onSignal)
  }

  /** The broker has started. */
  begin(reload: () => void): void {
    this.#reload = reload
    if (this.#isWaiting) reload()
  }

  /** The broker stops. */
  end(): void {
    this.#reload = undefined
  }

  /** The signal is not listened to any more. */
  ignore(): void {
    this.#signals.off('SIGHUP', this.#onSignal)
  }

  readonly #onSignal = (): void => {
    this.#isWaiting = true
    this.#reload?.()
  }
}
