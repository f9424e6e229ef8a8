import { refuse } from '../../broker/errors.ts'
import type { Handler } from './handler.ts'

const close: Handler<'channel.close'> = (channel) => {
  const { connection } = channel
  channel.tellConfirms()
  channel.isClosing = true
  channel.close()
  connection.channels.remove(channel)
  connection.send(channel.id, 'channel.close-ok', {})
}

// RabbitMQ sends no content while told not to only in theory: it refuses to be told.
const flow: Handler<'channel.flow'> = (channel, { active }) => {
  if (!active) throw refuse.flowOff()
  channel.connection.send(channel.id, 'channel.flow-ok', { active })
}

/** Realms went out of AMQP long ago; clients that still ask get the one ticket there is. */
const accessRequest: Handler<'access.request'> = (channel) => {
  channel.connection.send(channel.id, 'access.request-ok', { ticket: 1 })
}

export const channelHandlers = {
  'channel.close': close,
  'channel.flow': flow,
  'access.request': accessRequest,
} as const
