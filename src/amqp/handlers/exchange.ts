import type { MethodArguments } from '../../../protocol/methods.ts'
import { type BindingAction, changeExchangeBinding } from '../../broker/binding-operations.ts'
import { declareExchange, deleteExchange, passiveExchange } from '../../broker/exchange-declaration.ts'
import type { Channel } from '../channel.ts'
import type { Handler } from '../dispatch.ts'

const declare: Handler<'exchange.declare'> = (channel, args) => {
  const { vhost } = channel.connection
  if (args.passive) passiveExchange(vhost, args.exchange)
  else declareExchange(vhost, { ...args, name: args.exchange })
  if (!args.nowait) channel.connection.sendWhenDurable(channel.id, 'exchange.declare-ok', {})
}

const remove: Handler<'exchange.delete'> = (channel, { exchange, ifUnused, nowait }) => {
  deleteExchange(channel.connection.vhost, exchange, ifUnused)
  if (!nowait) channel.connection.sendWhenDurable(channel.id, 'exchange.delete-ok', {})
}

const bind: Handler<'exchange.bind'> = (channel, args) => {
  change(channel, 'bind', args)
  if (!args.nowait) channel.connection.sendWhenDurable(channel.id, 'exchange.bind-ok', {})
}

const unbind: Handler<'exchange.unbind'> = (channel, args) => {
  change(channel, 'unbind', args)
  if (!args.nowait) channel.connection.sendWhenDurable(channel.id, 'exchange.unbind-ok', {})
}

function change(channel: Channel, action: BindingAction, args: MethodArguments<'exchange.bind'>): void {
  changeExchangeBinding(channel.connection.vhost, action, args)
}

export const exchangeHandlers = {
  'exchange.declare': declare,
  'exchange.delete': remove,
  'exchange.bind': bind,
  'exchange.unbind': unbind,
} as const
