/** How many clients are there, from the moment they are accepted: each takes a descriptor of the process. */

import type { Logger } from '../lib/logger.ts'
import { connectionsWithin, openFilesMax } from '../lib/open-files.ts'

export class OpenSockets {
  count = 0
  #max = Number.POSITIVE_INFINITY

  /** No other client may come in: the system lets the process have no more descriptors. */
  get isFull(): boolean {
    return this.count >= this.#max
  }

  /** When the process runs out of descriptors, the system takes connections and drops them, and the store cannot open its files. */
  makeRoom(logger: Logger): void {
    const openFiles = openFilesMax()
    this.#max = connectionsWithin(openFiles)
    if (openFiles === undefined) return
    logger.info({ openFiles, connections: this.#max }, 'the system limits open files, and so connections')
  }
}
