/** What came and went since the server started. */
export class Churn {
  connectionsOpened = 0
  connectionsClosed = 0
  channelsOpened = 0
  channelsClosed = 0
  /** Declarations, of queues that were there already, too. */
  queuesDeclared = 0
  queuesCreated = 0
  queuesDeleted = 0
}
