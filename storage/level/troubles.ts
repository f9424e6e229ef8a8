/** What keeps the store from working as it should: the log, the catalogue, too little room on the disk. */
export type TroubleOf = 'log' | 'catalogue' | 'room'

export class Troubles {
  readonly #texts: Record<TroubleOf, string | undefined> = { log: undefined, catalogue: undefined, room: undefined }
  readonly #onChange: () => void

  /** `onChange` is called when there is another first one. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** The one that weighs most, and what to do about it. */
  get first(): string | undefined {
    const { log, catalogue, room } = this.#texts
    return log ?? catalogue ?? room
  }

  /** Undefined when it is over. */
  set(of: TroubleOf, text: string | undefined): void {
    const before = this.first
    this.#texts[of] = text
    if (this.first !== before) this.#onChange()
  }
}
