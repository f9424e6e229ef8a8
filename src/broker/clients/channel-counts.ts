/** Messages that were handed out. */
export interface HandedOutCounts {
  /** To consumers that acknowledge. */
  readonly delivered: number
  /** To those that do not. */
  readonly deliveredNoAck: number
  /** By `get`, or basic.get, to be acknowledged. */
  readonly got: number
  readonly gotNoAck: number
  /** How often `get` found none. */
  readonly gotEmpty: number
  readonly redelivered: number
  readonly acked: number
}

/** Messages that went through a channel, or through many of them. */
export interface ChannelCounts extends HandedOutCounts {
  readonly published: number
  readonly confirmed: number
  /** Mandatory ones that came back. */
  readonly returnedUnroutable: number
  /** Others that went nowhere. */
  readonly droppedUnroutable: number
}

export const NO_CHANNEL_COUNTS: ChannelCounts = {
  published: 0,
  confirmed: 0,
  returnedUnroutable: 0,
  droppedUnroutable: 0,
  delivered: 0,
  deliveredNoAck: 0,
  got: 0,
  gotNoAck: 0,
  gotEmpty: 0,
  redelivered: 0,
  acked: 0,
}

export function sumOfChannels(a: ChannelCounts, b: ChannelCounts): ChannelCounts {
  return {
    published: a.published + b.published,
    confirmed: a.confirmed + b.confirmed,
    returnedUnroutable: a.returnedUnroutable + b.returnedUnroutable,
    droppedUnroutable: a.droppedUnroutable + b.droppedUnroutable,
    delivered: a.delivered + b.delivered,
    deliveredNoAck: a.deliveredNoAck + b.deliveredNoAck,
    got: a.got + b.got,
    gotNoAck: a.gotNoAck + b.gotNoAck,
    gotEmpty: a.gotEmpty + b.gotEmpty,
    redelivered: a.redelivered + b.redelivered,
    acked: a.acked + b.acked,
  }
}
