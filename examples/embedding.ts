// A broker inside a program: its own code uses it directly, others connect over AMQP, and all see the same queues.
import { connect } from 'amqplib'
import { ackOperation, publishOperation, ServerBuilder } from 'leveret'

export async function run(address = '127.0.0.1:0', print: (line: string) => void = console.log): Promise<void> {
  const server = new ServerBuilder()
    .withConfig({ heartbeatSec: 30 })
    .withHooks({ onConnect: ({ user }) => print(`${user.name} has connected`) })
    .build()
  await server.listenAndServe(address)
  const { broker, transactions } = server

  broker.declareQueue('orders')
  broker.declareQueue('invoices')
  broker.declareExchange('shop', 'topic')
  broker.bindQueue('orders', 'shop', 'order.#')

  // A client orders, over AMQP.
  const connection = await connect(server.url)
  const channel = await connection.createConfirmChannel()
  channel.publish('shop', 'order.book', Buffer.from('a book'), { messageId: '1' })
  channel.publish('shop', 'order.pen', Buffer.from('a pen'), { messageId: '2' })
  await channel.waitForConfirms()

  // This program takes an order and writes an invoice: both, or neither.
  const order = await broker.get('orders')
  if (order !== undefined) {
    const body = `invoice for ${order.body}`
    await transactions.executeAtomic((add) => {
      add(publishOperation('', 'invoices', { body, properties: { correlationId: '1' } }, { mandatory: true }))
      add(ackOperation('orders', order.deliveryTag))
    })
  }
  const { messagesReady, messagesUnacked } = broker.stats()
  print(`ready: ${messagesReady}, unacked: ${messagesUnacked}`)

  // It consumes the rest as it comes.
  const received = new Promise<void>((resolve) => {
    const consumer = broker.consume('orders', (message) => {
      print(`order ${message.properties.messageId}: ${message.body}`)
      broker.ack(message)
      consumer.cancel()
      resolve()
    })
  })
  await received

  const invoice = await channel.get('invoices', { noAck: true })
  if (invoice) print(`the client has its ${invoice.content}`)

  await connection.close()
  print(`server is ${server.health().status}`)
  await server.shutdown({ graceMs: 1000 })
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
