// Tasks shared by workers. A task is acknowledged when it is done; one that fails goes to another worker.
import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib'

const QUEUE = 'examples.tasks'

export async function run(url = 'amqp://127.0.0.1', print: (line: string) => void = console.log): Promise<void> {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  await channel.assertQueue(QUEUE, { durable: true })
  await channel.purgeQueue(QUEUE)

  const tasks = ['wash', 'cut', 'cook', 'serve']
  let left = tasks.length
  const { promise: allDone, resolve } = withResolvers()
  const done = (task: string): void => {
    print(`done: ${task}`)
    if (--left === 0) resolve()
  }
  await startWorker(connection, 'careful', done, print)
  await startWorker(connection, 'clumsy', done, print)
  for (const task of tasks) channel.sendToQueue(QUEUE, Buffer.from(task), { persistent: true })
  await allDone

  await channel.deleteQueue(QUEUE)
  await connection.close()
}

/** The clumsy worker fails at every task that no worker has tried before. */
async function startWorker(
  connection: ChannelModel,
  name: string,
  done: (task: string) => void,
  print: (line: string) => void,
): Promise<void> {
  const channel = await connection.createChannel()
  await channel.prefetch(1) // one task at a time: the next goes to a worker that is free
  const work = (message: ConsumeMessage | null): void => {
    if (message === null) return
    const task = String(message.content)
    if (name === 'clumsy' && !message.fields.redelivered) {
      print(`dropped: ${task}`)
      channel.nack(message, false, true)
      return
    }
    channel.ack(message)
    done(task)
  }
  await channel.consume(QUEUE, work)
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2])
