// A channel that confirms says when the broker has a message; with the mandatory flag also when no queue took it.
import { AMQPClient } from '@cloudamqp/amqp-client'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const client = new AMQPClient(url)
  const connection = await client.connect()
  const channel = await connection.channel()
  await channel.confirmSelect()
  const { name: queue } = await channel.queueDeclare('', { exclusive: true })

  // Each publish is a promise that is resolved by its confirm: any number may be under way.
  const tags = await Promise.all(['one', 'two', 'three'].map((body) => channel.basicPublish('', queue, body)))
  print(`confirmed: ${tags.join(', ')}`)

  channel.onReturn = (message) => print(`returned: ${message.bodyString()} (${message.replyText})`)
  await channel.basicPublish('', 'no-such-queue', 'lost', {}, true)
  print('confirmed, although it went nowhere')

  await connection.close()
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
