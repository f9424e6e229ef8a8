/** Virtual hosts that were deleted, while what was in them goes. There may be another one of the same name by the time that one has gone. */
import type { Closing } from './clients/client-directory.ts'
import type { Vhost } from './vhost.ts'
import { clearVhost } from './vhost-removal.ts'

interface Going {
  readonly vhost: Vhost
  readonly gone: Promise<void>
}

export class GoingVhosts {
  readonly #byName = new Map<string, Going>()

  /** Has it go, once its connections are closed. Calls back when nothing is left. */
  add(vhost: Vhost, closing: Closing, onGone: () => void): void {
    let tellGone = (): void => {}
    const gone = new Promise<void>((resolve) => {
      tellGone = resolve
    })
    this.#byName.set(vhost.name, { vhost, gone })
    const onCleared = (): void => {
      this.#byName.delete(vhost.name)
      try {
        onGone()
      } finally {
        tellGone()
      }
    }
    clearVhost(vhost, onCleared, closing)
  }

  *all(): Iterable<Vhost> {
    for (const { vhost } of this.#byName.values()) yield vhost
  }

  /** What is left of the one of that name goes at once. */
  finish(name: string): void {
    this.#byName.get(name)?.vhost.removals.finish()
  }

  async whenGone(name: string): Promise<void> {
    await this.#byName.get(name)?.gone
  }
}
