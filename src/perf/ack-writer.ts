import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { ClientConnection } from './client-connection.ts'

const CHANNEL = 1
const FRAMES = 4096
const TAG_OFFSET = 11

interface Page {
  readonly bytes: Buffer
  readonly view: DataView
}

/**
 * Gathers basic.ack frames, or basic.nack that rejects, for one write. All frames but for their delivery tag are the same, so pages full of them are
 * made beforehand and used again when the kernel has taken them.
 */
export class AckWriter {
  readonly #connection: ClientConnection
  readonly #frame: Buffer
  readonly #free: Page[] = []
  #page: Page | undefined
  #length = 0

  constructor(connection: ClientConnection, isMultiple: boolean, rejects: boolean) {
    this.#connection = connection
    const deliveries = { deliveryTag: 0, multiple: isMultiple }
    this.#frame = rejects
      ? encodeMethodFrame(CHANNEL, 'basic.nack', { ...deliveries, requeue: false })
      : encodeMethodFrame(CHANNEL, 'basic.ack', deliveries)
  }

  add(tagHigh: number, tagLow: number): void {
    this.#page ??= this.#free.pop() ?? this.#newPage()
    const { bytes, view } = this.#page
    view.setUint32(this.#length + TAG_OFFSET, tagHigh)
    view.setUint32(this.#length + TAG_OFFSET + 4, tagLow)
    this.#length += this.#frame.length
    if (this.#length === bytes.length) this.flush()
  }

  flush(): void {
    const page = this.#page
    if (page === undefined || this.#length === 0) return
    const acks = page.bytes.subarray(0, this.#length)
    this.#page = undefined
    this.#length = 0
    this.#connection.write(acks, () => this.#free.push(page))
  }

  #newPage(): Page {
    const bytes = Buffer.alloc(this.#frame.length * FRAMES, this.#frame)
    return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
  }
}
