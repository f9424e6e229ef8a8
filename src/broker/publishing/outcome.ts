/**
 * What became of a publish: queues have it, there was none for it, or one of its queues refused it. A refused message is in those of
 * its queues that took it.
 */
export type PublishOutcome = 'routed' | 'unrouted' | 'refused'
