import type { FrameSink } from '../../protocol/frame-scanner.ts'
import type { Block } from '../../src/lib/block.ts'

export type Event = readonly [kind: string, channel: number, payload: string]

/** Writes down what the scanner passes on: a publish as its three parts, a body as one piece however it came. */
export class Recorder implements FrameSink {
  readonly events: Event[] = []
  publishes = 0
  held = 0
  methodsHeld = 0
  onFrame: () => void = () => {}

  publish(...[block, at]: Parameters<FrameSink['publish']>): void {
    this.publishes++
    const method = Buffer.concat([Buffer.of(0, 60, 0, 40, 0, 0), block.bytes.subarray(at.keyStart, at.keyEnd)])
    this.#add('method', at.channel, Buffer.concat([method, Buffer.of(at.bits)]))
    this.#add('header', at.channel, block.bytes.subarray(at.headerStart, at.headerEnd))
    this.#addBody(at.channel, block, at.bodyStart, at.bodyEnd)
    this.onFrame()
  }

  method(channel: number, block: Block, start: number, end: number): void {
    this.#add('method', channel, block.bytes.subarray(start, end))
    this.onFrame()
  }

  header(channel: number, block: Block, start: number, end: number): void {
    this.#add('header', channel, block.bytes.subarray(start, end))
    this.onFrame()
  }

  body(channel: number, block: Block, start: number, end: number): void {
    this.#addBody(channel, block, start, end)
    this.onFrame()
  }

  #addBody(channel: number, block: Block, start: number, end: number): void {
    if (start === end) return
    const payload = block.bytes.toString('hex', start, end)
    const last = this.events.at(-1)
    if (last?.[0] === 'body' && last[1] === channel)
      this.events[this.events.length - 1] = ['body', channel, last[2] + payload]
    else this.events.push(['body', channel, payload])
  }

  heartbeat(): void {
    this.events.push(['heartbeat', 0, ''])
    this.onFrame()
  }

  methodHeld(): void {
    this.methodsHeld++
  }

  publishHeld(): void {
    this.held++
  }

  #add(kind: string, channel: number, payload: Buffer): void {
    this.events.push([kind, channel, payload.toString('hex')])
  }
}
