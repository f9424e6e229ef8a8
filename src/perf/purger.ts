import type { Topology } from './topology.ts'

/** Empties the queues every so often, for runs that only publish. */
export class Purger {
  purged = 0

  readonly #topology: Topology
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #underWay: Promise<void> | undefined

  /** `everyMs` 0: never. */
  constructor(topology: Topology, everyMs: number) {
    this.#topology = topology
    this.#everyMs = everyMs
  }

  start(): void {
    if (this.#everyMs > 0) this.#timer = setInterval(() => this.#tick(), this.#everyMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#underWay
  }

  /** A purge that takes longer than the interval is not overtaken by the next. */
  #tick(): void {
    this.#underWay ??= this.#topology.purge().then(
      (messages) => {
        this.purged += messages
        this.#underWay = undefined
      },
      () => clearInterval(this.#timer), // the connection is lost: the workers find out, too, and say why
    )
  }
}
