import { type PlainTable, plainTable } from '../../../protocol/field-table-plain.ts'
import { decodeContentHeader, encodeContentHeader, type Properties } from '../../../protocol/properties.ts'
import { DeadLetter } from '../../../src/broker/dead-letters/dead-letter.ts'
import { deadLetterTarget } from '../../../src/broker/dead-letters/dead-letter-target.ts'
import { DeathCause, type DeathReason } from '../../../src/broker/dead-letters/death-cause.ts'
import type { DeathMarks } from '../../../src/broker/dead-letters/death-history.ts'
import { encodeKey } from '../../../src/broker/messages/message.ts'
import { Block } from '../../../src/lib/block.ts'

export interface Death {
  readonly queue: string
  readonly reason: DeathReason
  /** Where the queue sends its dead letters: to `dlx` when not given. */
  readonly to?: { readonly exchange?: string; readonly routingKey?: string }
  readonly atMs?: number
}

/** A message that dies again and again. Each death makes another one of it. */
export class Mortal {
  readonly head: Buffer
  readonly keyBytes: number
  readonly marks: DeathMarks
  readonly blindKeys: readonly string[]
  /** What it is routed by, how often it would be routed in a cycle. */
  readonly routingKeys: readonly string[]
  /** Whether it may tell of another death; false when it must not go on. */
  readonly goesOn: boolean
  readonly #letter: DeadLetter | undefined

  constructor(
    head: Buffer,
    keyBytes: number,
    marks: DeathMarks,
    blindKeys: readonly string[],
    from?: readonly [DeadLetter, boolean],
  ) {
    this.head = head
    this.keyBytes = keyBytes
    this.marks = marks
    this.blindKeys = blindKeys
    this.#letter = from?.[0]
    this.goesOn = from?.[1] ?? true
    this.routingKeys = from?.[0].routingKeys() ?? []
  }

  static of(
    key: readonly [exchange: string, routingKey: string],
    header: Buffer,
    blindKeys: readonly string[] = [],
  ): Mortal {
    const keyBytes = encodeKey(...key)
    return new Mortal(Buffer.concat([keyBytes, header]), keyBytes.length, 0, blindKeys)
  }

  /** With a header that has these properties, on its way from the default exchange to queue q. */
  static published(properties: Properties, blindKeys: readonly string[] = []): Mortal {
    return Mortal.of(['', 'q'], encodeContentHeader(5, properties), blindKeys)
  }

  die({ queue, reason, to = {}, atMs = 1_700_000_000_999 }: Death): Mortal {
    const letter = new DeadLetter()
    const target = deadLetterTarget(to.exchange ?? 'dlx', to.routingKey)
    if (target === undefined) throw new Error('it can go nowhere')
    // Somewhere in the middle of a larger block, as in a segment.
    const before = 7
    const block = new Block(Buffer.concat([Buffer.alloc(before, 0xee), this.head, Buffer.alloc(9, 0xee)]))
    const headerStart = before + this.keyBytes
    const message = { head: block, keyStart: before, headerStart, headerEnd: before + this.head.length }
    const blind = this.blindKeys.map((key) => new Block(Buffer.from(key)))
    const goesOn = letter.write(message, this.marks, new DeathCause(queue, reason), target, atMs, blind)
    const head = Buffer.from(letter.head.bytes.subarray(0, letter.headerEnd))
    return new Mortal(head, letter.headerStart, letter.marks, this.blindKeys, [letter, goesOn])
  }

  dieAll(deaths: readonly Death[]): Mortal {
    let last: Mortal = this
    for (const death of deaths) last = last.die(death)
    return last
  }

  isCycle(queue: string): boolean {
    return this.#letter?.isCycle(queue) ?? false
  }

  get header(): Buffer {
    return this.head.subarray(this.keyBytes)
  }

  get key(): [exchange: string, routingKey: string] {
    const exchangeBytes = this.head[0] as number
    return [
      this.head.toString('utf8', 1, 1 + exchangeBytes),
      this.head.toString('utf8', 2 + exchangeBytes, this.keyBytes),
    ]
  }

  get properties(): Properties {
    return decodeContentHeader(this.header).properties
  }

  get headers(): PlainTable {
    return plainTable(this.properties.headers ?? new Map())
  }

  get deaths(): PlainTable[] {
    return this.headers['x-death'] as PlainTable[]
  }
}
