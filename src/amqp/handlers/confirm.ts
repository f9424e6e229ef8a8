import { refuse } from '../../broker/errors.ts'
import { Confirms } from '../confirms.ts'
import type { Handler } from './handler.ts'

const select: Handler<'confirm.select'> = (channel, { nowait }) => {
  if (channel.transaction !== undefined) throw refuse.txToConfirm()
  channel.confirms ??= new Confirms()
  if (!nowait) channel.connection.send(channel.id, 'confirm.select-ok', {})
}

export const confirmHandlers = { 'confirm.select': select } as const
