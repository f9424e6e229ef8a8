/**
 * The bindings of queues and exchanges that were removed. A few go with them; of very many, the rest goes turn by turn. From outside
 * all of them are gone at once: no message takes one (`Routing`), and no list shows one (`isThere`). Their name is not given away again
 * before the last of them has gone, so that they cannot come to be those of another queue or exchange: who declares it waits.
 *
 * A crash may come in between. The storage is told with the removal that the bindings go, too, and until they are gone: a restart drops
 * those that are left.
 */
import { Undecided } from '../access/undecided.ts'
import type { ResourceKind } from '../errors.ts'
import type { Removal, Removals } from '../scheduling/removals.ts'
import type { Binding, Destination } from './binding.ts'
import type { Exchange } from './exchange.ts'

/** So many go at once. */
const AT_ONCE_MAX = 64
/** Bindings between two looks at the clock. */
const STEP_BINDINGS = 32

/** Where it is kept that bindings go. */
export interface UnbindingRecords {
  unbindingBegun(vhost: string, kind: ResourceKind, name: string): void
  unbindingEnded(vhost: string, kind: ResourceKind, name: string): void
}

/** Whether both ends of it are there: others only wait to be removed. */
export function isThere({ source, destination }: Binding): boolean {
  return !source.isDeleted && !destination.isDeleted
}

export class Unbindings {
  readonly #vhostName: string
  readonly #removals: Removals
  readonly #records: UnbindingRecords
  readonly #drop: (binding: Binding) => void
  /** By kind and name. */
  readonly #underWay = new Map<string, Removal>()
  /** Of these, a crash has left bindings in the storage; the exchanges that some of them started at, if they are there. */
  #leftOver: Map<string, readonly [ResourceKind, string]> | undefined
  #leftUnused: Set<Exchange> | undefined

  /** `drop` takes one binding away. */
  constructor(vhostName: string, removals: Removals, records: UnbindingRecords, drop: (binding: Binding) => void) {
    this.#vhostName = vhostName
    this.#removals = removals
    this.#records = records
    this.#drop = drop
  }

  /** Takes away the bindings of what was removed just now: `bindings` is walked through while they go. */
  begin({ kind, name, durable }: Destination, bindings: Iterator<Binding>): void {
    const step = (count: number): boolean => {
      for (let left = count; left > 0; left--) {
        const next = bindings.next()
        if (next.done === true) return true
        this.#drop(next.value)
      }
      return false
    }
    this.#removals.begin({
      atOnce: AT_ONCE_MAX,
      perStep: STEP_BINDINGS,
      step,
      onRest: (removal) => {
        this.#underWay.set(keyOf(kind, name), removal)
        if (durable) this.#records.unbindingBegun(this.#vhostName, kind, name)
      },
      onEnd: () => {
        const hadRest = this.#underWay.delete(keyOf(kind, name))
        if (hadRest && durable) this.#records.unbindingEnded(this.#vhostName, kind, name)
      },
    })
  }

  /** Until when bindings of a queue or an exchange that was removed are going; undefined when none are. */
  ofRemoved(kind: ResourceKind, name: string): Promise<void> | undefined {
    return this.#underWay.get(keyOf(kind, name))?.ended
  }

  /** Throws Undecided while bindings of one that had this name are going. */
  requireGone(kind: ResourceKind, name: string): void {
    const ended = this.ofRemoved(kind, name)
    if (ended !== undefined) throw new Undecided(ended)
  }

  /** Throws Undecided while all that start at an exchange are going, if it goes with the last of them: who asks for it finds it gone. */
  requireStays(exchange: Exchange): void {
    if (exchange.autoDelete) this.requireKnownUse(exchange)
  }

  /** Throws Undecided while all that start at an exchange are going: it is in no use any more, and will be in none then. */
  requireKnownUse({ outgoing }: Exchange): void {
    if (outgoing.size === 0 || this.#removals.isEmpty) return
    for (const binding of outgoing.values()) if (isThere(binding)) return
    this.#removals.requireNone()
  }

  /** Takes away at once all that are going. */
  finish(): void {
    // What goes with the last of its bindings may have very many others.
    for (let all = [...this.#underWay.values()]; all.length > 0; all = [...this.#underWay.values()]) {
      for (const { finish } of all) finish()
    }
  }

  /** The storage says that bindings of it were going when the broker stopped. */
  foundUnfinished(kind: ResourceKind, name: string): void {
    this.#leftOver ??= new Map()
    this.#leftOver.set(keyOf(kind, name), [kind, name])
  }

  /** Whether a binding in the storage is one that was left over. `source` is where it starts, if that is there. */
  isLeftOver(sourceName: string, kind: ResourceKind, destination: string, source: Exchange | undefined): boolean {
    if (this.#leftOver === undefined) return false
    if (this.#leftOver.has(keyOf('exchange', sourceName))) return true
    if (!this.#leftOver.has(keyOf(kind, destination))) return false
    this.#leftUnused ??= new Set()
    if (source !== undefined) this.#leftUnused.add(source)
    return true
  }

  /** What was left over is dropped. Calls `lostBinding` for the exchanges that it started at. */
  restored(lostBinding: (source: Exchange) => void): void {
    for (const [kind, name] of this.#leftOver?.values() ?? []) this.#records.unbindingEnded(this.#vhostName, kind, name)
    for (const source of this.#leftUnused ?? []) lostBinding(source)
    this.#leftOver = this.#leftUnused = undefined
  }
}

function keyOf(kind: ResourceKind, name: string): string {
  return `${kind} ${name}`
}
