/** Looks after the files of TLS: has them read again when they change, and says every day which certificates end soon. */
import { unwatchFile, watchFile } from 'node:fs'
import type { TlsDoor } from './tls-door.ts'

const LOOK_MS = 2000
/** Certificate and key are seldom written at the same time. */
const SETTLE_MS = 1000
const DAY_MS = 86_400_000

export class TlsWatch {
  readonly #paths: readonly string[]
  readonly #changed: () => void
  readonly #daily: NodeJS.Timeout
  #settling: NodeJS.Timeout | undefined

  constructor(door: TlsDoor, paths: readonly string[], lookMs = LOOK_MS, settleMs = SETTLE_MS) {
    this.#paths = paths
    this.#changed = () => {
      clearTimeout(this.#settling)
      this.#settling = setTimeout(() => door.reload(false), settleMs).unref()
    }
    // It looks at the file that a link leads to, which is how secrets are changed in a container.
    for (const path of paths) watchFile(path, { interval: lookMs, persistent: false }, this.#changed)
    this.#daily = setInterval(() => door.logDates(), DAY_MS).unref()
  }

  stop(): void {
    for (const path of this.#paths) unwatchFile(path, this.#changed)
    clearTimeout(this.#settling)
    clearInterval(this.#daily)
  }
}
