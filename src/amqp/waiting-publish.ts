/** A publish that waits for tx.commit: it is checked and routed when it comes, and counts as held until the transaction ends. */
import type { Message } from '../broker/messages/message.ts'
import type { Publication, Publisher } from '../broker/publishing/publisher.ts'
import type { TransactionOperation } from '../broker/publishing/transaction.ts'
import type { Intake } from './intake.ts'

/** What the objects of such a publish take, beside the bytes of the message. */
const PUBLICATION_BYTES = 1536
/** What each of its queues takes. */
const REFERENCE_BYTES = 8

/** A channel, as far as it publishes. */
export interface PublishingChannel {
  readonly publisher: Publisher
  readonly connection: { readonly intake: Intake }
}

/** `unrouted` is told of the message, as queues would have got it, when there is no queue for it at the commit. Throws BrokerError. */
export function waitingPublish(
  { publisher, connection: { intake } }: PublishingChannel,
  message: Message,
  unrouted: (message: Message) => void,
): TransactionOperation {
  intake.refuseIfShortOfMemory()
  const publication = publisher.prepare(message)
  const { message: kept, queues, isKept } = publication
  const bytes = heldBytes(publication)
  intake.hold(bytes)
  return {
    kind: 'publish',
    isDurable: isKept,
    units: Math.max(1, queues.length),
    commit: () => {
      intake.hold(-bytes)
      const outcome = publisher.publishPrepared(publication)
      if (outcome === 'unrouted') unrouted(kept)
      kept.release()
      return outcome
    },
    rollback: () => {
      intake.hold(-bytes)
      kept.release()
    },
  }
}

function heldBytes({ message, queues, missing }: Publication): number {
  const references = queues.length + missing.length
  const nameBytes = missing.reduce((bytes, name) => bytes + name.length, 0)
  return PUBLICATION_BYTES + message.head.size + message.bodyBytes + nameBytes + references * REFERENCE_BYTES
}
