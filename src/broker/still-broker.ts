import type { Storage } from '../../storage/storage.ts'
import { Broker, type BrokerOptions } from './broker.ts'

/** A broker without limits, whose clock stands still and which does nothing later, unless `parts` say otherwise: for looking at what a storage has. */
export function stillBroker(
  storage: Storage,
  parts: Pick<BrokerOptions, 'onDefect'> & Partial<Omit<BrokerOptions, 'storage'>>,
): Broker {
  return new Broker({
    storage,
    memoryLimitBytes: Number.MAX_SAFE_INTEGER,
    heapLimitBytes: Number.MAX_SAFE_INTEGER,
    otherBytes: () => 0,
    heapBytes: () => 0,
    nextTurn: () => {},
    clock: { monotonicMs: () => 0, wallMs: () => 0, after: () => () => {} },
    ...parts,
  })
}
