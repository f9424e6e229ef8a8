// Several publishes and acknowledgements that happen together or not at all.
import { AMQPClient } from '@cloudamqp/amqp-client'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const client = new AMQPClient(url)
  const connection = await client.connect()
  const setup = await connection.channel()
  const { name: orders } = await setup.queueDeclare('', { exclusive: true })
  const { name: invoices } = await setup.queueDeclare('', { exclusive: true })
  const report = async (when: string): Promise<void> => {
    const [left, written] = await Promise.all(
      [orders, invoices].map(async (queue) => (await setup.queueDeclare(queue, { passive: true })).messageCount),
    )
    print(`${when}: ${left} orders, ${written} invoices`)
  }
  await setup.basicPublish('', orders, 'order 1')
  await setup.basicPublish('', orders, 'order 2')
  await report('before')

  const channel = await connection.channel()
  await channel.txSelect()
  for (const isGood of [true, false]) {
    const order = await channel.basicGet(orders, { noAck: false })
    if (order === null) break
    await channel.basicPublish('', invoices, `invoice for ${order.bodyString()}`)
    await order.ack()
    await report(`${order.bodyString()} in work`)
    if (isGood) await channel.txCommit()
    else await channel.txRollback()
    await report(isGood ? 'after commit' : 'after rollback')
  }

  await channel.close() // what was rolled back is still unacked: it becomes ready again
  await report('at the end')
  await connection.close()
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
