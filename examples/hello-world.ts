// One message through one queue.
import { connect } from 'amqplib'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })

  const received = new Promise<string>((resolve, reject) => {
    channel.consume(queue, (message) => resolve(String(message?.content)), { noAck: true }).catch(reject)
  })
  channel.sendToQueue(queue, Buffer.from('Hello, world'))
  print(`received: ${await received}`)

  await connection.close()
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
