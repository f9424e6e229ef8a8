// Every subscriber has a queue of its own and gets every message.
import { type AMQPChannel, AMQPClient } from '@cloudamqp/amqp-client'

const EXCHANGE = 'examples.news'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const client = new AMQPClient(url)
  const connection = await client.connect()
  const channel = await connection.channel()
  await channel.exchangeDeclare(EXCHANGE, 'fanout', { durable: false, autoDelete: true })

  const subscribers = await Promise.all(['Ann', 'Bob'].map((name) => subscribe(channel, name, print)))
  for (const headline of ['Rain tomorrow', 'Sun on Sunday']) await channel.basicPublish(EXCHANGE, '', headline)
  await Promise.all(subscribers.map(({ hasRead }) => hasRead))

  await connection.close()
}

/** Subscribes, and resolves `hasRead` after two messages. */
async function subscribe(
  channel: AMQPChannel,
  name: string,
  print: (line: string) => void,
): Promise<{ readonly hasRead: Promise<void> }> {
  const { name: queue } = await channel.queueDeclare('', { exclusive: true })
  await channel.queueBind(queue, EXCHANGE, '')
  const consumer = await channel.basicConsume(queue, { noAck: true })
  const read = async (): Promise<void> => {
    let count = 0
    for await (const message of consumer.messages) {
      print(`${name} reads: ${message.bodyString()}`)
      if (++count === 2) return
    }
  }
  return { hasRead: read() }
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
