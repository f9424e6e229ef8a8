// A queue gets the messages whose key fits its patterns: * is one word, # any number of words.
import { connect } from 'amqplib'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  const exchange = 'amq.topic'

  const errors = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(errors.queue, exchange, 'log.*.error')
  const billing = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(billing.queue, exchange, 'log.billing.#')

  for (const key of ['log.billing.info', 'log.shop.error', 'log.billing.error', 'log.shop.info', 'log.billing']) {
    channel.publish(exchange, key, Buffer.from(key))
  }

  for (const [name, queue] of [
    ['errors', errors.queue],
    ['billing', billing.queue],
  ] as const) {
    for (let next = await channel.get(queue, { noAck: true }); next; next = await channel.get(queue, { noAck: true })) {
      print(`${name}: ${next.fields.routingKey}`)
    }
  }

  await connection.close()
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
