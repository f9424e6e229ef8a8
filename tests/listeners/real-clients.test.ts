// Real clients over TLS: one port for those with a certificate and those with a password.
import { AMQPClient } from '@cloudamqp/amqp-client'
import { connect } from 'amqplib'
import { Connection } from 'rabbitmq-client'
import { expect, test } from 'vitest'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { startServer, useDoors } from './doors.ts'

const folder = new CertificateFolder()
const files = folder.server('real')
const client = folder.client('app')
useDoors()

const ca = folder.authority.cert

function start() {
  return startServer(
    (builder) =>
      builder
        .withListeners([{ protocol: 'amqps', host: '127.0.0.1', port: 0 }])
        .withTls({ ...files, caFile: folder.caFile, verifyPeer: true }),
    { authMechanisms: ['PLAIN', 'EXTERNAL'], sslCertLoginFrom: 'common_name' },
  )
}

test('amqplib, with a password and with a certificate, on one port', async () => {
  const { server, port } = await start()
  await server.users.add('app', 'unused')
  await server.permissions.set('app', { configure: '.*', write: '.*', read: '.*' })
  const url = `amqps://guest:guest@localhost:${port}`
  const byPassword = await connect(url, { ca: [ca], host: '127.0.0.1', servername: 'localhost' })
  const external = { mechanism: 'EXTERNAL', response: () => Buffer.alloc(0) }
  const options = { ca: [ca], cert: client.cert, key: client.key, servername: 'localhost', credentials: external }
  const byCertificate = await connect(`amqps://localhost:${port}`, options)
  expect(server.connections().map(({ user }) => user.name)).toEqual(['guest', 'app'])
  for (const connection of [byPassword, byCertificate]) {
    const channel = await connection.createConfirmChannel()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    channel.sendToQueue(queue, Buffer.alloc(300_000, 'x'))
    await channel.waitForConfirms()
    const message = await channel.get(queue, { noAck: true })
    expect(message === false ? 0 : message.content.length).toBe(300_000)
    await connection.close()
  }
})

test('@cloudamqp/amqp-client', async () => {
  const { port } = await start()
  const connection = await new AMQPClient(`amqps://guest:guest@127.0.0.1:${port}`, { ca } as never).connect()
  const channel = await connection.channel()
  const { name } = await channel.queueDeclare('', { exclusive: true })
  await channel.basicPublish('', name, 'over TLS')
  expect((await channel.basicGet(name, { noAck: true }))?.bodyString()).toBe('over TLS')
  await connection.close()
})

test('rabbitmq-client', async () => {
  const { port } = await start()
  const connection = new Connection({ url: `amqps://guest:guest@127.0.0.1:${port}`, tls: { ca } })
  const channel = await connection.acquire()
  const { queue } = await channel.queueDeclare({ queue: '', exclusive: true })
  await channel.confirmSelect()
  await channel.basicPublish(queue, 'over TLS')
  expect((await channel.basicGet({ queue, noAck: true }))?.body).toBe('over TLS')
  await channel.close() // the connection waits for it
  await connection.close()
})
