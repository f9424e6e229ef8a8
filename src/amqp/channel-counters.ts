/** Counts the messages of a channel, by additions alone. What can be told without counting is not here. */
export class ChannelCounters {
  returnedUnroutable = 0
  droppedUnroutable = 0
  /** By basic.get, in either way. */
  pulled = 0
  pulledNoAck = 0
  gotEmpty = 0
  redelivered = 0

  got(isNoAck: boolean, isRedelivered: boolean): void {
    this.pulled++
    if (isNoAck) this.pulledNoAck++
    if (isRedelivered) this.redelivered++
  }
}
