/** What keeps the store from working as it should: the log, files that are gone, the catalogue, too little room on the disk. */
export type TroubleOf = 'log' | 'place' | 'catalogue' | 'room'

export class Troubles {
  readonly #texts: Record<TroubleOf, string | undefined> = {
    log: undefined,
    place: undefined,
    catalogue: undefined,
    room: undefined,
  }
  readonly #onChange: () => void

  /** `onChange` is called when there is another first one. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** The one that weighs most, and what to do about it. */
  get first(): string | undefined {
    return this.besidesRoom ?? this.#texts.room
  }

  get besidesRoom(): string | undefined {
    const { log, place, catalogue } = this.#texts
    return log ?? place ?? catalogue
  }

  /** Undefined when it is over. */
  set(of: TroubleOf, text: string | undefined): void {
    const before = this.first
    this.#texts[of] = text
    if (this.first !== before) this.#onChange()
  }
}
