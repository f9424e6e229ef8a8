import type { Storage } from '../../storage/storage.ts'
import type { AgeClock } from '../lib/age-clock.ts'
import type { Clock } from '../lib/clock.ts'
import type { Turn } from '../lib/turn.ts'
import type { DurableEntities } from './durable-entities.ts'
import type { NodeLimits } from './limits/node-limits.ts'
import type { HeldMemory } from './memory/memory-alarm.ts'
import type { TopologyMemory } from './memory/topology-memory.ts'
import type { DeliveryScheduler } from './scheduling/delivery-scheduler.ts'
import type { LongWork } from './scheduling/long-work.ts'
import type { Removals } from './scheduling/removals.ts'
import type { Churn } from './statistics/churn.ts'
import type { EventLog } from './statistics/event-log.ts'
import type { TrafficFigures } from './statistics/traffic-figures.ts'

/** What virtual hosts share. */
export interface VhostTools {
  readonly scheduler: DeliveryScheduler
  readonly storage: Storage
  readonly entities: DurableEntities
  readonly inputTurn: Turn
  readonly longWork: LongWork
  /** Of all virtual hosts. */
  readonly removals: Removals
  readonly topology: TopologyMemory
  readonly nodeLimits: NodeLimits
  readonly clock: Clock
  readonly memory: HeldMemory
  /** The time by which messages grow old. */
  readonly ages: AgeClock
  readonly churn: Churn
  readonly events: EventLog
  readonly figures: TrafficFigures
}
