/** Keeps the clock of ages in the storage, so that messages grow old by it across restarts. */
import { decodeFieldTable, encodeFieldTable, type Field } from '../../protocol/field-table.ts'
import { Reader } from '../../protocol/reader.ts'
import type { EntityRecords, EntityRegistry } from '../../storage/entity-registry.ts'
import type { AgeClock, AgeClockState } from '../lib/age-clock.ts'

const KIND = 11
const KEY: readonly string[] = ['ages']
const LOOK_MS = 60_000
/** The system's clock is kept in step by less than this. */
const JUMP_MS = 1000
/** So old the record may become: by so much at most messages live longer when the system's clock is set back while it is down. */
const AGE_MS_MAX = 3_600_000

export class AgeRecord {
  readonly #ages: AgeClock
  readonly #records: EntityRecords
  #saved: AgeClockState | undefined
  #cancel: (() => void) | undefined

  constructor(registry: EntityRegistry, ages: AgeClock) {
    this.#ages = ages
    this.#records = registry.register({
      number: KIND,
      name: 'clock',
      restore: (_, value) => {
        const fields = decodeFieldTable(new Reader(value))
        this.#saved = { nowMs: numberIn(fields.get('nowMs')), offsetMs: numberIn(fields.get('offsetMs')) }
        ages.resume(this.#saved)
      },
    })
  }

  /** Looks after it from now on. */
  begin(): void {
    this.#cancel = this.#ages.after(LOOK_MS, this.#look)
  }

  /** Looks for the last time: the storage must still take what it finds. */
  finish(): void {
    this.stop()
    this.#save()
  }

  stop(): void {
    this.#cancel?.()
  }

  readonly #look = (): void => {
    this.begin()
    this.#save()
  }

  /** Saves the state of the clock where the saved one tells too little of it. */
  #save(): void {
    if (!this.#ages.isUsed) return
    const { state } = this.#ages
    const { offsetMs, nowMs } = this.#saved ?? { offsetMs: 0, nowMs: Number.NEGATIVE_INFINITY }
    if (Math.abs(state.offsetMs - offsetMs) < JUMP_MS && state.nowMs - nowMs < AGE_MS_MAX) return
    this.#saved = state
    const fields: [string, Field][] = [
      ['nowMs', { type: 'd', value: state.nowMs }],
      ['offsetMs', { type: 'd', value: state.offsetMs }],
    ]
    this.#records.put(KEY, () => encodeFieldTable(new Map(fields)))
  }
}

function numberIn(field: Field | undefined): number {
  if (field?.type !== 'd' || !Number.isFinite(field.value)) throw new Error('its time is missing')
  return field.value
}
