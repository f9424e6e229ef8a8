/** Policies, and RabbitMQ's checks of them. */
import { printBinary, printDouble } from '../../../protocol/erlang-terms.ts'
import { compilePattern, type NamePattern } from '../../lib/name-pattern.ts'
import { refuse } from '../errors.ts'
import { type PolicyValue, policyKey } from './policy-keys.ts'

export const POLICY_KINDS = ['policy', 'operator policy'] as const
export type PolicyKind = (typeof POLICY_KINDS)[number]

const APPLY_TO = ['all', 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges'] as const
export type ApplyTo = (typeof APPLY_TO)[number]

export type PolicyDefinition = Readonly<Record<string, PolicyValue>>

/** Of a definition as JSON, so that its texts have a limit: names and routing keys are short. */
const DEFINITION_CHARACTERS_MAX = 16 * 1024

/** What a client asks for: nothing of it has been checked yet. */
export interface PolicyRequest {
  readonly pattern?: unknown
  readonly definition?: unknown
  /** 0 when not given. */
  readonly priority?: unknown
  /** `all` when not given. */
  readonly applyTo?: unknown
}

export interface Policy {
  readonly name: string
  /** What names it applies to. */
  readonly pattern: string
  readonly matcher: NamePattern
  readonly applyTo: ApplyTo
  /** The policy of the highest one applies, and no other. */
  readonly priority: number
  readonly definition: PolicyDefinition
}

export function isPolicyKind(kind: string): kind is PolicyKind {
  return (POLICY_KINDS as readonly string[]).includes(kind)
}

/** Throws BrokerError that tells of everything that is wrong, in RabbitMQ's words and order. */
export function makePolicy(kind: PolicyKind, name: string, request: PolicyRequest): Policy {
  const { pattern, definition, priority = 0, applyTo = 'all' } = request
  const problems: string[] = []
  if (definition === undefined) problems.push(missing('definition', name))
  else problems.push(...definitionProblems(kind, name, definition))
  if (!isApplyTo(applyTo)) problems.push(unknownApplyTo(applyTo))
  const matcher = matcherOf(pattern)
  if (pattern === undefined) problems.push(missing('pattern', name))
  else if (typeof matcher === 'string') problems.push(matcher)
  if (typeof priority !== 'number' || !Number.isFinite(priority)) {
    problems.push(`priority should be a number, actually was ${termText(priority)}`)
  }
  if (problems.length > 0 || typeof matcher === 'string') throw refuse.invalidPolicy(problems)
  return {
    name,
    pattern: pattern as string, // these have all passed their checks
    matcher,
    applyTo: applyTo as ApplyTo,
    priority: priority as number,
    definition: { ...(definition as PolicyDefinition) },
  }
}

function missing(key: string, name: string): string {
  return `Key "${key}" not found in ${name}`
}

function isApplyTo(value: unknown): value is ApplyTo {
  return (APPLY_TO as readonly unknown[]).includes(value)
}

function unknownApplyTo(value: unknown): string {
  return (
    `apply-to '${typeof value === 'string' ? value : termText(value)}' unrecognised; should be one of: ` +
    "'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'"
  )
}

/** What is wrong with it is a text. */
function matcherOf(pattern: unknown): NamePattern | string {
  if (typeof pattern !== 'string') return `pattern should be a binary but was ${termText(pattern)}`
  try {
    return compilePattern(pattern)
  } catch (error) {
    return `pattern should be regular expression but is invalid: ${(error as Error).message}`
  }
}

function definitionProblems(kind: PolicyKind, name: string, definition: unknown): string[] {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) {
    const validator = kind === 'policy' ? 'policy_validator' : 'operator_policy_validator'
    return [`parse error while reading policy ${name}: ${termText(definition)}. Validator: ${validator}.`]
  }
  const entries = Object.entries(definition as PolicyDefinition).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length === 0) return ['no policy provided']
  const unknown: string[] = []
  for (const [key, value] of entries) {
    const row = policyKey(key)
    if (row === undefined || (kind === 'operator policy' && row.operator === undefined)) {
      unknown.push(`{${termText(key)},${termText(value)}}`)
    } else if (!row.isValid(value)) return [`${termText(value)} is not a valid ${row.what}`]
  }
  if (unknown.length > 0) return [`[${unknown.join(',')}] are not recognised policy settings`]
  if (JSON.stringify(definition).length <= DEFINITION_CHARACTERS_MAX) return []
  return [`the definition has more than ${DEFINITION_CHARACTERS_MAX} characters`]
}

/** As Erlang prints what it makes of JSON. */
function termText(value: unknown): string {
  if (typeof value === 'string') return printBinary(Buffer.from(value))
  if (typeof value === 'number' && !Number.isInteger(value)) return printDouble(value)
  if (Array.isArray(value)) return `[${value.map(termText).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `#{${Object.entries(value)
    .map(([key, entry]) => `${termText(key)} => ${termText(entry)}`)
    .join(',')}}`
}
