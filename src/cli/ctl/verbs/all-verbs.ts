/** Every command of `leveret ctl`. */
import type { Verb } from '../verb.ts'
import { CONNECTION_VERBS } from './connection-verbs.ts'
import { DEFINITION_VERBS } from './definition-verbs.ts'
import { HEALTH_VERBS } from './health-verbs.ts'
import { LIST_VERBS } from './list-verbs.ts'
import { POLICY_VERBS } from './policy-verbs.ts'
import { PROCESS_VERBS } from './process-verbs.ts'
import { QUEUE_VERBS } from './queue-verbs.ts'
import { STATUS_VERBS } from './status-verbs.ts'
import { USER_VERBS } from './user-verbs.ts'
import { VHOST_VERBS } from './vhost-verbs.ts'

export const VERBS: readonly Verb[] = [
  ...STATUS_VERBS,
  ...HEALTH_VERBS,
  ...LIST_VERBS,
  ...QUEUE_VERBS,
  ...CONNECTION_VERBS,
  ...USER_VERBS,
  ...VHOST_VERBS,
  ...POLICY_VERBS,
  ...DEFINITION_VERBS,
  ...PROCESS_VERBS,
]
