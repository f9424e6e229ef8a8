import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Field } from '../../../protocol/field-table.ts'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import { decodeContentHeader, type Properties, readFlags } from '../../../protocol/properties.ts'
import { shortstrText } from '../../../protocol/short-string.ts'
import type { Exchange } from '../../../src/broker/exchanges/exchange.ts'
import { Message } from '../../../src/broker/messages/message.ts'
import { Publisher } from '../../../src/broker/publishing/publisher.ts'
import type { ReplyConsumer } from '../../../src/broker/routing/reply-to.ts'
import { Block } from '../../../src/lib/block.ts'
import { drain, get, Model, message, refusal, session } from '../model.ts'

let model: Model
let publisher: Publisher

beforeEach(() => {
  model = new Model()
  publisher = new Publisher(model.vhost, session('me'), 1000)
})

function withHeaders(headers: PlainTable): Properties {
  return { headers: fieldTable(headers) }
}

/** A message whose content header is these bytes, well-formed or not. */
function withHeaderBytes(list: readonly number[]): Message {
  const header = Buffer.from([0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...list])
  const key = Buffer.from('\0\x01q')
  const made = new Message()
  made.setInPlace(new Block(Buffer.concat([key, header])), 0, key.length, key.length, key.length + header.length)
  made.setOwnBody(new Block(Buffer.alloc(0)))
  return made
}

/** One of messages whose keys have the same hash: the highest bit of a word takes back that of an earlier one. */
function ofOneHash(exchange: 'many', number: number): Message {
  const key = Buffer.concat([Buffer.from(`\x04${exchange}\x3b`), Buffer.alloc(59, 'a')])
  let words = 0
  for (let bit = 0; bit < 10; bit++) {
    if (((number >> bit) & 1) === 0) continue
    key[4 * bit + 7] = 0xe1
    words++
  }
  if (words % 2 === 1) key[55] = 0xe1
  const header = Buffer.from([0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  const made = new Message()
  made.setInPlace(new Block(Buffer.concat([key, header])), 0, key.length, key.length, key.length + header.length)
  made.setOwnBody(new Block(Buffer.alloc(0)))
  return made
}

function requester(): { consumer: ReplyConsumer; replies: string[] } {
  const replies: string[] = []
  const sink = { deliverReply: (_: ReplyConsumer, reply: Message) => void replies.push(reply.body.bytes.toString()) }
  const consumer = model.vhost.replyConsumers.add('tag', sink)
  publisher.replyConsumer = consumer
  return { consumer, replies }
}

describe('Publisher', () => {
  test('goes on along a route that is forgotten for many others: its exchange counts what went to its queues', () => {
    model.queue('q')
    const other = new Publisher(model.vhost, session('other'), 1000)
    for (let i = 0; i < 9000; i++) {
      publisher.publish(message('', 'q'))
      other.publish(message('', `nowhere ${i}`))
      if (i % 1000 === 0) publisher.counts.tell()
    }
    publisher.counts.tell()
    model.vhost.exchange('')?.hear()
    expect(model.vhost.exchange('')?.sent.get('q')).toBe(9000)
  })

  test('counts what goes along routes that are not remembered', () => {
    const many = model.exchange('many', 'topic')
    model.bind(many, model.queue('q'), '#')
    for (let i = 0; i < 1000; i++) publisher.publish(ofOneHash('many', i))
    publisher.counts.tell()
    many.hear()
    expect(many.sent.get('q')).toBe(1000)
    expect(many.publishedInCount).toBe(1000)
  })

  test('is asked by the exchange that its messages go to now, and by no other', () => {
    const names = ['one', 'two', 'three']
    const exchanges = names.map((name) => model.exchange(name, 'topic'))
    const publishers = names.map(() => new Publisher(model.vhost, session('any'), 1000))
    for (const each of publishers) model.vhost.counts.publisherBegan(each)
    for (const [at, each] of publishers.entries()) {
      each.publish(message('one', 'k'))
      each.publish(message(names[at] as string, 'k'))
    }
    const [one, two, three] = exchanges as [Exchange, Exchange, Exchange]
    const asked = publishers.map(({ counts }) => vi.spyOn(counts, 'tell'))
    two.hear()
    expect(asked.map(({ mock }) => mock.calls.length)).toEqual([0, 1, 0])
    expect(two.publishedInCount).toBe(1)
    one.hear()
    expect(one.publishedInCount).toBe(4)
    model.vhost.counts.publisherEnded(publishers[2] as Publisher)
    expect(three.publishedInCount).toBe(0)
    three.hear()
    expect(three.publishedInCount).toBe(1)
    expect(asked.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1])
  })

  test('says whether a message went anywhere', () => {
    const queue = model.queue('q')
    expect(publisher.publish(message('', 'q', '1'))).toBe('routed')
    expect(publisher.publish(message('', 'other', '2'))).toBe('unrouted')
    expect(publisher.publish(message('amq.direct', 'q', '3'))).toBe('unrouted')
    expect(drain(queue)).toEqual(['1'])
  })

  test('refuses an exchange that is not there or is internal, the default exchange being always there', () => {
    expect(refusal(() => publisher.publish(message('x', 'q')))).toBe("not-found: no exchange 'x' in vhost '/'")
    model.exchange('inside', 'fanout', { internal: true })
    const text = "access-refused: cannot publish to internal exchange 'inside' in vhost '/'"
    expect(refusal(() => publisher.publish(message('inside', 'q')))).toBe(text)
  })

  test('refuses a body that is too large before it looks at anything else', () => {
    const text = 'precondition-failed: message size 1001 is larger than configured max size 1000'
    expect(refusal(() => publisher.publish(message('missing', 'q', 'x'.repeat(1001))))).toBe(text)
    expect(refusal(() => publisher.checkSize(1001))).toBe(text)
    expect(() => publisher.checkSize(1000)).not.toThrow()
  })

  test('sees every change of the bindings in the next message with the same key', () => {
    const exchange = model.exchange('x', 'topic')
    const publish = () => publisher.publish(message('x', 'k', 'm'))
    expect(publish()).toBe('unrouted')
    const queue = model.queue('q')
    const unbind = model.bind(exchange, queue, '#')
    expect([publish(), publish()]).toEqual(['routed', 'routed'])
    unbind()
    expect(publish()).toBe('unrouted')
    model.bind(exchange, queue, 'k')
    expect(publish()).toBe('routed')
    model.vhost.removeQueue(queue)
    expect(publish()).toBe('unrouted')
    model.vhost.removeExchange(exchange)
    expect(refusal(publish)).toMatch('no exchange')
  })

  test('looks at the headers of each message where they decide', () => {
    const exchange = model.exchange('h', 'headers')
    model.bind(exchange, model.queue('one'), '', { n: 1 })
    model.bind(exchange, model.queue('two'), '', { n: 2 })
    const publish = (n: number) => publisher.publish(message('h', 'k', String(n), withHeaders({ n })))
    expect([1, 2, 3, 1].map(publish)).toEqual(['routed', 'routed', 'unrouted', 'routed'])
    expect([drain(model.vhost.requireQueue('one')), drain(model.vhost.requireQueue('two'))]).toEqual([
      ['1', '1'],
      ['2'],
    ])
  })

  test('decodes the properties of a message once, whatever asks for them, and only when something does', () => {
    const decoded = vi.spyOn(Message.prototype, 'properties', 'get')
    onTestFinished(() => decoded.mockRestore())
    const exchange = model.exchange('h', 'headers')
    const seen: Properties[] = []
    for (const name of ['a', 'b']) {
      const queue = model.queue(name)
      model.bind(exchange, queue, '', { n: 1 })
      vi.spyOn(queue, 'publish').mockImplementation((one) => seen.push(one.properties) > 0)
    }
    expect(publisher.publish(message('h', 'k', 'm', withHeaders({ n: 1 })))).toBe('routed')
    expect(seen.length).toBe(2)
    expect(seen[0]).toBe(seen[1])
    model.queue('plain')
    decoded.mockClear()
    publisher.publish(message('', 'plain', 'm', { contentType: 'text', ...withHeaders({ n: 1 }) }))
    publisher.publish(message('h', 'k', 'm', { contentType: 'text' }))
    expect(decoded).not.toHaveBeenCalled()
  })

  test('copies a message to the keys in CC and BCC, and delivers it without BCC', () => {
    const [a, b, c] = [model.queue('a'), model.queue('b'), model.queue('c')]
    const properties = { messageId: 'm', ...withHeaders({ CC: ['b', 'b', 'a'], BCC: ['c'], other: 1 }) }
    expect(publisher.publish(message('', 'a', 'body', properties))).toBe('routed')
    for (const queue of [a, b, c]) {
      get(queue, true, (segment, index) => {
        const { block } = segment
        const found = decodeContentHeader(block.bytes, segment.headerStart(index), segment.bodyStart(index))
        expect([found.bodySize, found.properties.messageId]).toEqual([4, 'm'])
        expect([...(found.properties.headers ?? new Map()).keys()]).toEqual(['CC', 'other'])
      })
      expect(queue.readyCount).toBe(0)
    }
  })

  test.each<[PlainTable, string]>([
    [{ CC: 'a' }, 'longstr'],
    [{ BCC: true }, 'bool'],
  ])('refuses %o, which is no list of keys', (headers, type) => {
    const text = refusal(() => publisher.publish(message('', 'q', '', withHeaders(headers))))
    expect(text).toBe(
      `precondition-failed: invalid message: {unacceptable_type_in_header,"${Object.keys(headers)[0]}",${type}}`,
    )
  })

  test.each([
    ['', 'no_integer'],
    ['x', 'no_integer'],
    ['1x', '{leftover_string,"x"}'],
    ['1.5', '{leftover_string,".5"}'],
    ['-1', '{value_negative,-1}'],
    ['315360000001', '{value_too_large,315360000001}'],
  ])('refuses the expiration %j', (expiration, why) => {
    const text = refusal(() => publisher.publish(message('', 'q', '', { expiration })))
    expect(text).toBe(`precondition-failed: invalid expiration '${expiration}': ${why}`)
  })

  test('takes an expiration of decimal milliseconds', () => {
    for (const expiration of ['0', '1', '+5', '007', '315360000000']) {
      expect(publisher.publish(message('', 'q', '', { expiration }))).toBe('unrouted')
    }
  })

  test("refuses another user's name, unless it may be used", () => {
    const text = "precondition-failed: user_id property set to 'you' but authenticated user was 'me'"
    expect(refusal(() => publisher.publish(message('', 'q', '', { userId: 'you' })))).toBe(text)
    expect(publisher.publish(message('', 'q', '', { userId: 'me' }))).toBe('unrouted')
    const impersonator = new Publisher(model.vhost, session('me', ['impersonator']), 1000)
    expect(impersonator.publish(message('', 'q', '', { userId: 'you' }))).toBe('unrouted')
  })

  test.each([
    ['flags without their properties', [0x80, 0]],
    ['a short string that ends behind the header', [0x80, 0, 9, 0x61]],
    ['properties without flags', [0, 0, 1]],
    ['a table that lies about its length', [0x20, 0, 0, 0, 0, 9, 1]],
    ['a delivery mode too many', [0x10, 0, 2, 2]],
  ])('refuses %s, wherever the message goes', (_, list) => {
    model.queue('q')
    expect(refusal(() => publisher.publish(withHeaderBytes(list)))).toMatch(/^malformed-content/)
    expect(refusal(() => publisher.prepare(withHeaderBytes(list)))).toMatch(/^malformed-content/)
  })

  test.each([1, 2, 3])('drops the flags %d, which mean nothing', (flags) => {
    const queue = model.queue('q')
    publisher.publish(withHeaderBytes([0, flags]))
    get(queue, true, (segment, index) => {
      expect(readFlags(segment.block.bytes, segment.headerStart(index))).toBe(0)
    })
  })

  test('passes over what is no text in a list of keys', () => {
    const [a, b] = [model.queue('a'), model.queue('b')]
    const headers = { CC: [1, null, 'a', ['b']], BCC: [true, 'b'] }
    publisher.publish(message('', 'nowhere', '', withHeaders(headers)))
    expect([a.readyCount, b.readyCount]).toEqual([1, 1])
  })

  test('follows a key in a list that is no UTF-8', () => {
    const key = Buffer.of(0xff, 0x61)
    const queue = model.queue(shortstrText(key, 0, key.length))
    const keys: Field = { type: 'A', value: [{ type: 'S', value: key }] }
    expect(publisher.publish(message('', 'nowhere', '', { headers: new Map([['CC', keys]]) }))).toBe('routed')
    expect(queue.readyCount).toBe(1)
  })

  test('gives back what goes nowhere as it would have been delivered', () => {
    const { consumer } = requester()
    const properties = { ...withHeaders({ BCC: ['x'], other: 1 }), replyTo: 'amq.rabbitmq.reply-to' }
    const back = publisher.asDelivered(message('', 'nowhere', '', properties))
    expect(decodeContentHeader(back.head.bytes, back.headerStart, back.headerEnd).properties).toEqual({
      ...withHeaders({ other: 1 }),
      replyTo: consumer.address,
    })
    const plain = message('', 'nowhere', '', { messageId: 'm' })
    expect(publisher.asDelivered(plain)).toBe(plain)
  })

  test('gives a request the address of its requester, and takes the reply there', () => {
    const queue = model.queue('q')
    const { consumer, replies } = requester()
    publisher.publish(message('', 'q', 'ask', { replyTo: 'amq.rabbitmq.reply-to', correlationId: '7' }))
    get(queue, true, (segment, index) => {
      expect(segment.block.bytes.toString('latin1', segment.recordStart(index))).toContain(consumer.address)
    })
    const replier = new Publisher(model.vhost, session('other'), 1000)
    expect(replier.publish(message('', consumer.address, 'answer'))).toBe('routed')
    expect(replier.publish(message('', consumer.address, 'again'))).toBe('routed')
    model.vhost.replyConsumers.remove(consumer)
    expect(replies).toEqual(['answer', 'again'])
  })

  test('refuses a request of a publisher that waits for no reply', () => {
    const request = message('', 'q', '', { replyTo: 'amq.rabbitmq.reply-to' })
    expect(refusal(() => publisher.publish(request))).toBe('precondition-failed: fast reply consumer does not exist')
  })

  test('prepares a message that outlives its block, and enqueues it when it is asked to', () => {
    const [queue, deleted] = [model.queue('q'), model.queue('deleted')]
    const original = message('', 'q', 'body', withHeaders({ CC: ['deleted'] }))
    const publication = publisher.prepare(original)
    original.head.bytes.fill(0)
    model.vhost.removeQueue(deleted)
    expect(queue.readyCount).toBe(0)
    expect(publisher.publishPrepared(publication)).toBe('routed')
    expect(drain(queue)).toEqual(['body'])
    model.vhost.removeQueue(queue)
    expect(publisher.publishPrepared(publication)).toBe('unrouted')
    expect(model.storage.bytesInUse).toBe(0)
  })
})
