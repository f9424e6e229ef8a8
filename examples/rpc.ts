// Requests and answers over direct reply-to: the client needs no queue of its own for the answers.
import { randomUUID } from 'node:crypto'
import { type Channel, connect } from 'amqplib'

const REQUESTS = 'examples.fibonacci'
const REPLY_TO = 'amq.rabbitmq.reply-to'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const connection = await connect(url)
  await serve(await connection.createChannel())

  const ask = await createClient(await connection.createChannel())
  const numbers = [1, 10, 30]
  const answers = await Promise.all(numbers.map((n) => ask(String(n))))
  for (const [i, answer] of answers.entries()) print(`fibonacci(${numbers[i]}) = ${answer}`)

  await connection.close()
}

async function serve(channel: Channel): Promise<void> {
  await channel.assertQueue(REQUESTS, { durable: false, autoDelete: true })
  await channel.consume(REQUESTS, (request) => {
    if (request === null) return
    const { replyTo, correlationId } = request.properties
    const answer = fibonacci(Number(request.content))
    channel.sendToQueue(String(replyTo), Buffer.from(String(answer)), { correlationId: String(correlationId) })
    channel.ack(request)
  })
}

/** A function that sends a request and waits for its answer. */
async function createClient(channel: Channel): Promise<(question: string) => Promise<string>> {
  const waiting = new Map<string, (answer: string) => void>()
  const settle = (id: string, answer: string): void => {
    waiting.get(id)?.(answer)
    waiting.delete(id)
  }
  // Direct reply-to wants the answers consumed without acknowledgements, on the channel that asks.
  await channel.consume(REPLY_TO, (reply) => settle(String(reply?.properties.correlationId), String(reply?.content)), {
    noAck: true,
  })
  return (question) =>
    new Promise((resolve) => {
      const correlationId = randomUUID()
      waiting.set(correlationId, resolve)
      channel.sendToQueue(REQUESTS, Buffer.from(question), { correlationId, replyTo: REPLY_TO })
    })
}

function fibonacci(n: number): number {
  let [a, b] = [0, 1]
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
