import { BrokerError, type BrokerErrorKind } from '../../src/broker/errors.ts'

/** What the broker says that refuses this. */
export function refusal(work: () => unknown): { readonly kind: BrokerErrorKind; readonly text: string } {
  try {
    work()
  } catch (error) {
    if (error instanceof BrokerError) return { kind: error.kind, text: error.message }
    throw error
  }
  throw new Error('it was not refused')
}
