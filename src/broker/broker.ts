/** The root of the model: virtual hosts over one storage. It would run the same without a network. */
import { EntityRegistry, type RestoredEntities } from '../../storage/entity-registry.ts'
import type { Journal } from '../../storage/journal.ts'
import type { Recovery, Storage } from '../../storage/storage.ts'
import { AgeClock } from '../lib/age-clock.ts'
import { Alarm } from '../lib/alarm.ts'
import { BodyPool } from '../lib/body-pool.ts'
import type { Clock } from '../lib/clock.ts'
import { doAll } from '../lib/do-all.ts'
import { Turn } from '../lib/turn.ts'
import { AccessDirectory } from './access/access-directory.ts'
import { PermissionList } from './access/permission-list.ts'
import { AgeRecord } from './age-record.ts'
import type { Authorizer } from './authorizer.ts'
import { ClientCounts } from './clients/client-counts.ts'
import { ClientDirectory } from './clients/client-directory.ts'
import { UnackedAccounts } from './clients/unacked-bytes.ts'
import { DurableEntities } from './durable-entities.ts'
import { refuse } from './errors.ts'
import { GoingVhosts } from './going-vhosts.ts'
import { ClientRoom } from './limits/client-room.ts'
import { NO_NODE_LIMITS, NodeLimits, type NodeLimitValues } from './limits/node-limits.ts'
import { UserLimits } from './limits/user-limits.ts'
import { MemoryAlarm } from './memory/memory-alarm.ts'
import { TopologyMemory } from './memory/topology-memory.ts'
import { GlobalParameters } from './parameters/global-parameters.ts'
import { DeliveryScheduler } from './scheduling/delivery-scheduler.ts'
import { LongWork } from './scheduling/long-work.ts'
import { Removals } from './scheduling/removals.ts'
import { AlarmTimes } from './statistics/alarm-times.ts'
import { type BrokerStats, brokerStats, type MessageCounts, NOTHING_COUNTED } from './statistics/broker-stats.ts'
import { Churn } from './statistics/churn.ts'
import { EventLog } from './statistics/event-log.ts'
import { TrafficFigures } from './statistics/traffic-figures.ts'
import { Vhost } from './vhost.ts'

/** Memory for bodies that waits to be used again may take this share of the memory limit. */
const FREE_BODIES_SHARE_MAX = 1 / 16

export interface BrokerOptions {
  readonly storage: Storage
  /** Who decides what users may do; without it, the permissions that the storage has. */
  readonly authorizer?: Authorizer | undefined
  readonly memoryLimitBytes: number
  /** V8 ends the process when the objects that stay need more than this. */
  readonly heapLimitBytes: number
  /** Bytes of memory that the process uses for anything but messages. */
  readonly otherBytes: () => number
  /** Bytes of objects on the heap. */
  readonly heapBytes: () => number
  /** How many there may be of everything; any number when not given. */
  readonly limits?: NodeLimitValues
  /** Runs the work in the next turn of the event loop. */
  readonly nextTurn: (work: () => void) => void
  readonly clock: Clock
  /** Told when the authorizer fails. */
  readonly onAuthorizerFailure?: (error: unknown) => void
  /** Told of errors in the broker itself. */
  readonly onDefect: (error: unknown) => void
}

export class Broker {
  readonly scheduler: DeliveryScheduler
  /** The turn of the client whose input is being looked at. */
  readonly inputTurn: Turn
  /** For work that takes several turns. */
  readonly longWork: LongWork
  /** What goes turn by turn, of all virtual hosts. */
  readonly removals: Removals
  readonly memory: MemoryAlarm
  /** The event loop is late. */
  readonly loadAlarm = new Alarm()
  /** What is given to the store takes too long until it is safe. */
  readonly storeAlarm = new Alarm()
  /** Nothing durable can be kept. */
  readonly diskAlarm = new Alarm()
  /** What queues, exchanges, bindings and consumers take. */
  readonly topology: TopologyMemory
  /** Memory for large bodies. */
  readonly bodies: BodyPool
  /** For kinds of entities that are not the model's: register them before `restore`. */
  readonly entityRegistry: EntityRegistry
  readonly clients: ClientDirectory
  readonly churn = new Churn()
  readonly figures = new TrafficFigures()
  /** What was changed lately. */
  readonly events: EventLog
  readonly alarmTimes: AlarmTimes
  readonly clientCounts: ClientCounts
  readonly unacked: UnackedAccounts
  readonly userLimits: UserLimits
  readonly nodeLimits: NodeLimits
  readonly clientRoom: ClientRoom
  readonly permissions: PermissionList
  /** What the users of open connections may do. */
  readonly access: AccessDirectory
  readonly globalParameters: GlobalParameters
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #ages: AgeClock
  readonly #ageRecord: AgeRecord
  #isRestoring = false
  readonly #entities: DurableEntities
  readonly #vhosts = new Map<string, Vhost>()
  /** Those that were deleted, while what was in them goes. */
  readonly #going = new GoingVhosts()
  /** What went through virtual hosts that are gone. */
  #past: MessageCounts = NOTHING_COUNTED

  constructor(options: BrokerOptions) {
    this.#storage = options.storage
    const { clock, nextTurn, onDefect } = options
    this.#clock = clock
    this.events = new EventLog(clock)
    this.clientCounts = new ClientCounts(this.churn, this.events)
    this.#ages = new AgeClock(clock, queueMicrotask)
    const now = (): number => clock.monotonicMs()
    this.bodies = new BodyPool(options.memoryLimitBytes * FREE_BODIES_SHARE_MAX, clock)
    this.entityRegistry = new EntityRegistry(options.storage)
    this.entityRegistry.onChange = (kind, key, isRemoved) => this.events.entityChanged(kind, key, isRemoved)
    this.#entities = new DurableEntities(
      this.entityRegistry,
      (name) => this.createVhost(name),
      (name) => options.storage.vhost(name).journal,
    )
    this.userLimits = new UserLimits(this.entityRegistry)
    this.permissions = new PermissionList(this.entityRegistry)
    const { authorizer = this.permissions, onAuthorizerFailure = onDefect } = options
    this.access = new AccessDirectory(authorizer, clock, onAuthorizerFailure)
    this.permissions.onChange = (user, vhost) => this.access.renew(user, vhost)
    this.globalParameters = new GlobalParameters(this.entityRegistry)
    this.#ageRecord = new AgeRecord(this.entityRegistry, this.#ages)
    this.scheduler = new DeliveryScheduler(nextTurn, now, onDefect)
    this.inputTurn = new Turn(now)
    this.longWork = new LongWork(nextTurn, now, onDefect)
    this.removals = new Removals(this.longWork)
    this.clients = new ClientDirectory(this.removals)
    this.memory = new MemoryAlarm(options.memoryLimitBytes, {
      storageBytes: () => options.storage.bytesInUse + (options.storage.memory?.slackBytes ?? 0),
      otherBytes: options.otherBytes,
      heapBytes: options.heapBytes,
      heapLimitBytes: options.heapLimitBytes,
    })
    this.alarmTimes = new AlarmTimes(clock, this.events)
    this.alarmTimes.watch('memory', this.memory)
    this.alarmTimes.watch('disk', this.diskAlarm)
    this.alarmTimes.watch('event-loop', this.loadAlarm)
    this.alarmTimes.watch('store', this.storeAlarm)
    this.topology = new TopologyMemory(this.memory, options.heapLimitBytes)
    const limits = options.limits ?? NO_NODE_LIMITS
    this.nodeLimits = new NodeLimits(limits, this.topology.counts)
    this.clientRoom = new ClientRoom(this.nodeLimits, this.userLimits, this.clientCounts)
    this.unacked = this.#unackedAccounts(limits, nextTurn)
  }

  #unackedAccounts(limits: NodeLimitValues, nextTurn: (work: () => void) => void): UnackedAccounts {
    const accounts = new UnackedAccounts(
      {
        ofConnections: limits.unackedBytesMaxPerConnection,
        ofNode: limits.unackedBytesMax,
        ofUser: (user) => this.userLimits.of(user).maxUnackedBytes,
        ofVhost: (vhost) => this.#vhosts.get(vhost)?.limits.values.maxUnackedBytes,
      },
      nextTurn,
    )
    this.userLimits.onChange = (user) => accounts.userLimitChanged(user)
    return accounts
  }

  /** What makes changes durable that belong to no virtual host. */
  get journal(): Journal {
    return this.#storage.journal
  }

  get storageIsDurable(): boolean {
    return this.#storage.isDurable
  }

  /** Restores what the storage has kept: vhosts, exchanges, queues with their messages, bindings, and all other kinds. */
  restore(recovery: Recovery): RestoredEntities {
    this.#isRestoring = true
    for (const vhost of this.#vhosts.values()) vhost.isRestoring = true
    const restored = this.entityRegistry.restore(recovery.entities)
    const unclaimed = this.#storage.dropUnclaimed(
      restored.refused.filter(({ kind }) => this.entityRegistry.mayGo(kind)),
    )
    if (unclaimed > 0) restored.problems.push(`messages of ${unclaimed} queues that are not there any more are dropped`)
    this.#isRestoring = false
    for (const vhost of [...this.#vhosts.values()]) {
      vhost.restored()
      if (vhost.isGoing) this.#remove(vhost)
    }
    this.removals.finish()
    if (this.#storage.isDurable) this.#ageRecord.begin()
    return restored
  }

  /** Resolves once all queues know which of their messages wait before they are delivered again: the numbers of ready ones are right then. */
  async retriesRead(): Promise<void> {
    const reading: Promise<void>[] = []
    for (const vhost of this.#vhosts.values()) {
      for (const { upkeep } of vhost.queues()) {
        const retries = upkeep?.retries
        if (retries?.isReading === true) reading.push(new Promise((resolve) => retries.whenRead(resolve)))
      }
    }
    await Promise.all(reading)
  }

  /** The vhost of that name, made if there is none. What is left of one that was deleted goes at once: see `whenGone`. */
  createVhost(name: string): Vhost {
    let vhost = this.#vhosts.get(name)
    if (vhost === undefined) {
      this.#going.finish(name)
      const { scheduler, inputTurn, longWork, removals, memory, topology, nodeLimits } = this
      const [storage, entities, clock, ages] = [this.#storage, this.#entities, this.#clock, this.#ages]
      vhost = new Vhost(name, {
        scheduler,
        storage,
        entities,
        inputTurn,
        longWork,
        removals,
        memory,
        topology,
        nodeLimits,
        clock,
        ages,
        churn: this.churn,
        events: this.events,
        figures: this.figures,
      })
      vhost.limits.onChange = () => this.unacked.vhostLimitChanged(name)
      vhost.isRestoring = this.#isRestoring
      this.#vhosts.set(name, vhost)
      this.#entities.vhostAdded(name)
    }
    return vhost
  }

  /** Throws BrokerError when there may be no virtual host more; one that is there is fine. */
  checkNewVhost(name: string): void {
    if (!this.#vhosts.has(name)) this.nodeLimits.checkVhost(name, this.#vhosts.size)
  }

  vhost(name: string): Vhost | undefined {
    return this.#vhosts.get(name)
  }

  requireVhost(name: string): Vhost {
    const vhost = this.#vhosts.get(name)
    if (vhost === undefined) throw refuse.missingVhost(name)
    return vhost
  }

  vhosts(): Iterable<Vhost> {
    return this.#vhosts.values()
  }

  /** All virtual hosts in numbers. What is gone stays counted. Walks over all queues. */
  stats(): BrokerStats {
    return brokerStats([...this.#vhosts.values(), ...this.#going.all()], this.#past)
  }

  /**
   * Removes the vhost and closes its connections; false when there is none. It is gone at once for all who look; very much that was in it
   * goes turn by turn.
   */
  deleteVhost(name: string): boolean {
    const vhost = this.#vhosts.get(name)
    if (vhost === undefined) return false
    if (vhost.metadata.isProtected) throw refuse.protectedVhost(name)
    this.#remove(vhost)
    return true
  }

  #remove(vhost: Vhost): void {
    const { name } = vhost
    const closing = this.clients.stopThoseOfVhost(name, `vhost '${name}' is deleted`)
    this.#vhosts.delete(name)
    const onGone = (): void => {
      this.#past = brokerStats([vhost], this.#past)
      this.#entities.vhostRemoved(name)
    }
    doAll(
      () => this.permissions.removeVhost(name),
      () => this.#going.add(vhost, closing, onGone),
    )
  }

  /** Resolves once nothing is left of a virtual host of this name that was deleted. */
  async whenGone(name: string): Promise<void> {
    await this.#going.whenGone(name)
  }

  /** Finishes what the storage has to take before it closes. */
  finish(): void {
    this.longWork.finish()
    if (this.#storage.isDurable) this.#ageRecord.finish()
  }

  close(): void {
    this.#past = this.stats()
    this.#ageRecord.stop()
    this.access.close()
    for (const vhost of this.#vhosts.values()) vhost.close()
    this.#vhosts.clear()
    this.bodies.close()
  }
}
