import { entityName } from '../../broker/names.ts'
import { bindExchange, unbindExchange } from '../../broker/operations/binding-operations.ts'
import { declareExchange, deleteExchange, passiveExchange } from '../../broker/operations/exchange-declaration.ts'
import type { Handler } from './handler.ts'
import { whenUnbound } from './when-unbound.ts'

const declare: Handler<'exchange.declare'> = (channel, args) => {
  const { vhost, session } = channel
  if (args.passive) passiveExchange(vhost, args.exchange, session)
  else declareExchange(vhost, { ...args, name: args.exchange }, session)
  if (args.nowait) return
  const isStaged = !args.passive && vhost.entities.isExchangeStaged(vhost.name, entityName(args.exchange))
  channel.connection.sendWhenDurable(channel.id, 'exchange.declare-ok', {}, isStaged)
}

const remove: Handler<'exchange.delete'> = (channel, { exchange, ifUnused, nowait }) => {
  const { vhost, session } = channel
  const name = entityName(exchange)
  deleteExchange(vhost, name, ifUnused, session)
  whenUnbound(channel, 'exchange', name, () => {
    if (nowait) return
    const isStaged = vhost.entities.isExchangeStaged(vhost.name, name)
    channel.connection.sendWhenDurable(channel.id, 'exchange.delete-ok', {}, isStaged)
  })
}

const bind: Handler<'exchange.bind'> = (channel, args) => {
  const { vhost, session } = channel
  const binding = bindExchange(vhost, args, session)
  if (args.nowait) return
  channel.connection.sendWhenDurable(channel.id, 'exchange.bind-ok', {}, vhost.entities.isBindingStaged(binding))
}

const unbind: Handler<'exchange.unbind'> = (channel, args) => {
  const { vhost, session } = channel
  const binding = unbindExchange(vhost, args, session)
  if (args.nowait) return
  const isStaged = binding !== undefined && vhost.entities.isBindingStaged(binding)
  channel.connection.sendWhenDurable(channel.id, 'exchange.unbind-ok', {}, isStaged)
}

export const exchangeHandlers = {
  'exchange.declare': declare,
  'exchange.delete': remove,
  'exchange.bind': bind,
  'exchange.unbind': unbind,
} as const
