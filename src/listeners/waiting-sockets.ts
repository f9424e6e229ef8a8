/** Sockets of clients that have not logged in: so many there may be, in all and from one address. */
import { addressKey } from '../lib/address-key.ts'

export interface WaitingSocketsMax {
  readonly inAll: number
  readonly perAddress: number
}

/** The place of one socket. */
export interface WaitingPlace {
  /** It has logged in, or is gone. Calling it again does nothing. */
  leave(): void
}

export class WaitingSockets {
  readonly #max: WaitingSocketsMax
  readonly #ofAddresses = new Map<string, number>()
  #count = 0

  constructor(max: WaitingSocketsMax) {
    this.#max = max
  }

  get count(): number {
    return this.#count
  }

  /** A place for the socket, or which limit it would exceed. A client behind a proxy has no address at first. */
  enter(address: string | undefined): WaitingPlace | { readonly refusal: string } {
    const { inAll, perAddress } = this.#max
    if (this.#count >= inAll) return { refusal: `${inAll} clients have not logged in yet` }
    const key = address === undefined ? undefined : addressKey(address)
    const ofAddress = key === undefined ? 0 : (this.#ofAddresses.get(key) ?? 0)
    if (ofAddress >= perAddress) return { refusal: `${perAddress} clients from its address have not logged in yet` }
    this.#count++
    if (key !== undefined) this.#ofAddresses.set(key, ofAddress + 1)
    let isIn = true
    return {
      leave: () => {
        if (!isIn) return
        isIn = false
        this.#leave(key)
      },
    }
  }

  #leave(key: string | undefined): void {
    this.#count--
    if (key === undefined) return
    const left = (this.#ofAddresses.get(key) ?? 0) - 1
    if (left > 0) this.#ofAddresses.set(key, left)
    else this.#ofAddresses.delete(key)
  }
}
