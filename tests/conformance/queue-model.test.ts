import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { Delivery, RawChannel } from '../support/raw-channel.ts'

// A queue against the simplest model of one: an ordered list of what is ready and a map of what is held. Thousands of
// random steps, always the same ones for a seed.
const broker = useBroker()

function generator(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

interface Entry {
  readonly sequence: number
  readonly size: number
  isRedelivered: boolean
}

class Model {
  readonly #channel: RawChannel
  readonly #queue: string
  readonly #random: (bound: number) => number
  #ready: Entry[] = []
  readonly #held = new Map<number, Entry>()
  #published = 0
  #lastTag = 0

  constructor(channel: RawChannel, queue: string, seed: number) {
    this.#channel = channel
    this.#queue = queue
    this.#random = generator(seed)
  }

  async step(): Promise<void> {
    const dice = this.#random(100)
    if (dice < 35) this.#publish(1 + this.#random(4))
    else if (dice < 75) await this.#get(1 + this.#random(3))
    else if (dice < 95) this.#settle()
    else if (dice < 97) await this.#expectCount()
    else if (dice < 99) await this.#recover()
    else if (this.#random(10) === 0) await this.#purge()
  }

  async drain(): Promise<void> {
    await this.#recover()
    while (this.#ready.length > 0) await this.#get(1)
    expect(await this.#channel.get(this.#queue)).toBeUndefined()
  }

  #publish(count: number): void {
    for (let n = 0; n < count; n++) {
      const size = this.#random(50) === 0 ? 30_000 + this.#random(50_000) : 10 + this.#random(200)
      const entry = { sequence: ++this.#published, size, isRedelivered: false }
      this.#ready.push(entry)
      const body = Buffer.alloc(size, entry.sequence % 251)
      this.#channel.publish({ routingKey: this.#queue, body, properties: { messageId: `${entry.sequence}` } })
    }
  }

  async #get(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const received = await this.#channel.get(this.#queue)
      const expected = this.#ready.shift()
      if (!expected) {
        expect(received).toBeUndefined()
        return
      }
      this.#expectEntry(received, expected)
      expected.isRedelivered = true
      this.#held.set(++this.#lastTag, expected)
    }
  }

  #expectEntry(received: Delivery | undefined, { sequence, size, isRedelivered }: Entry): void {
    expect(received?.content.properties.messageId).toBe(`${sequence}`)
    expect(received?.args).toMatchObject({ deliveryTag: this.#lastTag + 1, redelivered: isRedelivered })
    expect(received?.content.body.equals(Buffer.alloc(size, sequence % 251))).toBe(true)
  }

  #settle(): void {
    const tags = [...this.#held.keys()]
    const deliveryTag = tags[this.#random(tags.length)]
    if (deliveryTag === undefined) return
    const multiple = this.#random(5) === 0
    const requeue = this.#random(2) === 0
    if (requeue || this.#random(3) === 0) this.#channel.nack(deliveryTag, { multiple, requeue })
    else this.#channel.ack(deliveryTag, multiple)
    for (const tag of multiple ? tags.filter((tag) => tag <= deliveryTag) : [deliveryTag]) {
      const entry = this.#held.get(tag)
      this.#held.delete(tag)
      if (requeue && entry) this.#ready.push(entry)
    }
    this.#ready.sort((first, second) => first.sequence - second.sequence)
  }

  async #recover(): Promise<void> {
    await this.#channel.call('basic.recover', { requeue: true })
    this.#ready = [...this.#ready, ...this.#held.values()].sort((first, second) => first.sequence - second.sequence)
    this.#held.clear()
  }

  async #expectCount(): Promise<void> {
    await this.#channel.expectCounts(this.#queue, this.#ready.length, 0)
  }

  async #purge(): Promise<void> {
    await this.#expectCount()
    const reply = await this.#channel.call('queue.purge', { queue: this.#queue })
    expect(reply.args).toEqual({ messageCount: this.#ready.length })
    this.#ready = []
  }
}

test.each([1, 2, 3, 4])('a queue behaves as the model over thousands of random steps (seed %d)', async (seed) => {
  const channel = await broker.channel()
  const model = new Model(channel, await channel.queue(), seed)
  for (let step = 0; step < 1500; step++) await model.step()
  await model.drain()
})
