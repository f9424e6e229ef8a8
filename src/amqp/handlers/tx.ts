import type { Journal } from '../../../storage/journal.ts'
import { refuse } from '../../broker/errors.ts'
import { Transaction } from '../../broker/publishing/transaction.ts'
import type { Channel } from '../channel.ts'
import { AT_ONCE_MAX, goOnInTurns } from '../work-in-turns.ts'
import { carryOutRest, type Handler } from './handler.ts'

const select: Handler<'tx.select'> = (channel) => {
  if (channel.confirms !== undefined) throw refuse.confirmToTx()
  channel.transaction ??= new Transaction()
  channel.connection.send(channel.id, 'tx.select-ok', {})
}

const commit: Handler<'tx.commit'> = (channel) => {
  const transaction = requireTransaction(channel)
  const { connection } = channel
  const { isDurable } = transaction
  const answer = (): void => {
    transaction.requireAccepted()
    connection.sendWhenDurable(channel.id, 'tx.commit-ok', {}, isDurable)
  }
  // What takes several turns is in one commit of the journal, too.
  const release = transaction.units <= AT_ONCE_MAX ? undefined : commitsHeld(connection.journal, isDurable)
  if (release === undefined) {
    transaction.commitSome(Number.POSITIVE_INFINITY)
    answer()
    return
  }
  const end = (isDone: boolean): void => {
    if (isDone) connection.answers.carryOut(() => carryOutRest(channel, 'tx.commit', answer))
    release()
  }
  const step = (units: number): boolean => transaction.commitSome(units)
  if (step(AT_ONCE_MAX)) end(true)
  else goOnInTurns(channel, step, end)
}

/** Keeps the journal from committing a part of a transaction; undefined when it cannot be kept from it now. */
function commitsHeld(journal: Journal, isDurable: boolean): (() => void) | undefined {
  return isDurable ? journal.holdCommits?.() : () => {}
}

const rollback: Handler<'tx.rollback'> = (channel) => {
  const transaction = requireTransaction(channel)
  const sendOk = (): void => channel.connection.send(channel.id, 'tx.rollback-ok', {})
  const step = (operations: number): boolean => channel.isClosing || transaction.rollbackSome(operations)
  const end = (isDone: boolean): void => {
    if (isDone) sendOk()
  }
  if (step(AT_ONCE_MAX)) end(true)
  else goOnInTurns(channel, step, end)
}

function requireTransaction(channel: Channel): Transaction {
  if (channel.transaction === undefined) throw refuse.notTransactional()
  return channel.transaction
}

export const txHandlers = { 'tx.select': select, 'tx.commit': commit, 'tx.rollback': rollback } as const
