import { refuse } from '../../broker/errors.ts'
import { Transaction } from '../../broker/publishing/transaction.ts'
import type { Channel } from '../channel.ts'
import type { Handler } from './handler.ts'

const select: Handler<'tx.select'> = (channel) => {
  if (channel.confirms !== undefined) throw refuse.confirmToTx()
  channel.transaction ??= new Transaction()
  channel.connection.send(channel.id, 'tx.select-ok', {})
}

const commit: Handler<'tx.commit'> = (channel) => {
  const isDurable = requireTransaction(channel).commit()
  channel.connection.sendWhenDurable(channel.id, 'tx.commit-ok', {}, isDurable)
}

const rollback: Handler<'tx.rollback'> = (channel) => {
  requireTransaction(channel).rollback()
  channel.connection.send(channel.id, 'tx.rollback-ok', {})
}

function requireTransaction(channel: Channel): Transaction {
  if (channel.transaction === undefined) throw refuse.notTransactional()
  return channel.transaction
}

export const txHandlers = { 'tx.select': select, 'tx.commit': commit, 'tx.rollback': rollback } as const
