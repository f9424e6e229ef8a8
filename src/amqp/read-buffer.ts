/** What all connections of a server read into, and what they share besides: whose turn it is, and for how long. */
import { allocateBlock, type Block } from '../lib/block.ts'
import { CrowdLine } from '../lib/crowd-line.ts'
import { InputLine } from './input-line.ts'
import { InputShares } from './input-shares.ts'
import { RestBlocks } from './rest.ts'

export const READ_BYTES: number = 64 * 1024
/** A large body often follows another one: so much of its beginning is read into the shared buffer, and copied. */
const BEGINNING_BYTES = 4 * 1024

export class ReadBuffer {
  readonly block: Block
  /** The part that the kernel writes to. */
  readonly target: Buffer
  /** The beginning of it. */
  readonly shortTarget: Buffer
  readonly headroomBytes: number
  /** Of the event loop, as far as something is read in them. */
  readonly turns = new Turns()
  readonly shares = new InputShares()
  readonly line = new InputLine(setImmediate, () => performance.now())
  /** Connections whose clients have gone. */
  readonly leaving = new CrowdLine(setImmediate, () => performance.now())
  readonly rests = new RestBlocks(READ_BYTES)

  /** `frameMaxBytes`: no rest is longer than a frame. */
  constructor(frameMaxBytes: number) {
    this.line.afterTurn = () => this.turns.next()
    this.headroomBytes = frameMaxBytes + 64
    this.block = allocateBlock(this.headroomBytes + READ_BYTES)
    this.target = this.block.bytes.subarray(this.headroomBytes)
    this.shortTarget = this.target.subarray(0, BEGINNING_BYTES)
  }
}

/** Counts the turns of the event loop in which something is read. */
class Turns {
  #number = 1
  #isArmed = false

  /** The number of the turn at hand. */
  current(): number {
    if (!this.#isArmed) setImmediate(this.#nextByItself)
    this.#isArmed = true
    return this.#number
  }

  next(): void {
    this.#number++
  }

  readonly #nextByItself = (): void => {
    this.#isArmed = false
    this.next()
  }
}
