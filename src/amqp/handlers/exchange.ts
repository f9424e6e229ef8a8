import type { MethodArguments } from '../../../protocol/methods.ts'
import { type BindingAction, changeExchangeBinding } from '../../broker/binding-operations.ts'
import { declareExchange, deleteExchange, passiveExchange } from '../../broker/exchange-declaration.ts'
import { entityName } from '../../broker/names.ts'
import type { Channel } from '../channel.ts'
import type { Handler } from '../dispatch.ts'

const declare: Handler<'exchange.declare'> = (channel, args) => {
  const { vhost } = channel.connection
  if (args.passive) passiveExchange(vhost, args.exchange)
  else declareExchange(vhost, { ...args, name: args.exchange })
  if (args.nowait) return
  const isStaged = !args.passive && vhost.entities.isExchangeStaged(vhost.name, entityName(args.exchange))
  channel.connection.sendWhenDurable(channel.id, 'exchange.declare-ok', {}, isStaged)
}

const remove: Handler<'exchange.delete'> = (channel, { exchange, ifUnused, nowait }) => {
  const { vhost } = channel.connection
  deleteExchange(vhost, exchange, ifUnused)
  if (nowait) return
  const isStaged = vhost.entities.isExchangeStaged(vhost.name, entityName(exchange))
  channel.connection.sendWhenDurable(channel.id, 'exchange.delete-ok', {}, isStaged)
}

const bind: Handler<'exchange.bind'> = (channel, args) => {
  const isStaged = change(channel, 'bind', args)
  if (!args.nowait) channel.connection.sendWhenDurable(channel.id, 'exchange.bind-ok', {}, isStaged)
}

const unbind: Handler<'exchange.unbind'> = (channel, args) => {
  const isStaged = change(channel, 'unbind', args)
  if (!args.nowait) channel.connection.sendWhenDurable(channel.id, 'exchange.unbind-ok', {}, isStaged)
}

function change(channel: Channel, action: BindingAction, args: MethodArguments<'exchange.bind'>): boolean {
  const { vhost } = channel.connection
  return vhost.entities.isBindingStaged(changeExchangeBinding(vhost, action, args))
}

export const exchangeHandlers = {
  'exchange.declare': declare,
  'exchange.delete': remove,
  'exchange.bind': bind,
  'exchange.unbind': unbind,
} as const
