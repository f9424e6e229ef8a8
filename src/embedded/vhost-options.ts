/** What a program may say of a virtual host. */
import { QUEUE_KIND_NAMES, type QueueKindName, queueKindNamed } from '../broker/queues/queue-kinds.ts'
import type { VhostMetadata } from '../broker/vhost-metadata.ts'
import { aBoolean, anyText, type Check, type Checks, text, texts } from '../lib/checks.ts'

export type DefaultQueueType = QueueKindName
export const DEFAULT_QUEUE_TYPES: readonly DefaultQueueType[] = QUEUE_KIND_NAMES

export interface VhostOptions {
  /** The type of durable queues that are declared without one. Default `classic`, or what it is already. */
  readonly defaultQueueType?: DefaultQueueType
  /** The user that gets all permissions in a new virtual host. Empty for none. Default: the one that a new store begins with. */
  readonly owner?: string
  /** Up to 1024 bytes. Default none. */
  readonly description?: string
  /** Up to 32 of 255 bytes each. Default none. */
  readonly tags?: readonly string[]
  /** It is not deleted until this is taken back. Default false. */
  readonly isProtected?: boolean
}

/** What is set of it. */
export interface VhostInfo extends Required<Omit<VhostOptions, 'owner'>> {}

/** Throws RangeError for what is no type of queues. */
export const aQueueType: Check = (value, name) => {
  if (typeof value !== 'string' || queueKindNamed(value) === undefined) {
    throw new RangeError(`${name} must be one of ${QUEUE_KIND_NAMES.join(', ')}`)
  }
}

const DESCRIPTION_BYTES_MAX = 1024
const TAGS_MAX = 32
const aTag = text(1, 255)

const someTags: Check = (value, name) => {
  texts(value, name)
  const tags = value as readonly string[] // they are texts
  if (tags.length > TAGS_MAX) throw new RangeError(`${name} has ${tags.length} entries; it may have ${TAGS_MAX}`)
  for (const tag of tags) aTag(tag, name)
}

export const VHOST_CHECKS: Checks<VhostOptions> = {
  defaultQueueType: aQueueType,
  description: text(0, DESCRIPTION_BYTES_MAX),
  tags: someTags,
  isProtected: aBoolean,
  owner: anyText,
}

/** What changes of its metadata, undefined when nothing does. */
export function metadataIn({ description, tags, isProtected }: VhostOptions): Partial<VhostMetadata> | undefined {
  if (description === undefined && tags === undefined && isProtected === undefined) return undefined
  return {
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags: [...new Set(tags)] }),
    ...(isProtected === undefined ? {} : { isProtected }),
  }
}
