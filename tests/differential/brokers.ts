// The two brokers that a run compares: RabbitMQ, which `tests/differential/run` has started, and a Leveret in this process.
import { ServerBuilder } from '../../src/server-builder.ts'

export interface Brokers {
  readonly rabbitmqPort: number
  readonly leveretPort: number
  /** Both brokers have them; sequences that run at the same time use one each. */
  readonly vhosts: readonly string[]
  stop(): Promise<void>
}

export async function startBrokers(rabbitmqPort: number, jobs: number): Promise<Brokers> {
  const server = new ServerBuilder().withConfig({ port: 0 }).build()
  const [address] = await server.listen()
  if (address === undefined) throw new Error('Leveret does not listen')
  const vhosts = Array.from({ length: jobs }, (_, i) => `differential-${i}`)
  for (const vhost of vhosts) server.broker.createVhost(vhost)
  return { rabbitmqPort, leveretPort: address.port, vhosts, stop: () => server.shutdown({ graceMs: 0 }) }
}
