/**
 * Tables of arguments: a row says which queue types take an argument, what values RabbitMQ allows, what setting it makes, and
 * whether a policy can make that setting as well. All rules about arguments follow from the rows: how a declaration is
 * checked, what two declarations must agree on, and the settings. Arguments without a row are kept and not looked at.
 */
import type { Field, FieldTable } from '../../../protocol/field-table.ts'
import { refuse } from '../errors.ts'
import { fieldTypeName, integerValue, textValue } from '../fields.ts'
import type { Check } from './argument-checks.ts'

export type QueueTypeName = 'classic' | 'quorum' | 'stream'

export interface ArgumentRow {
  /** The queue types that take it: the others refuse it. */
  readonly types: readonly QueueTypeName[]
  readonly check?: Check
  /** It names an exchange: what is no name is refused before anything else. */
  readonly isExchangeName?: true
  /** What it is called in the settings, and how it is read from a value that passed the check. */
  readonly setting?: string
  readonly read?: (field: Field, type: QueueTypeName) => unknown
  /** The setting when neither an argument nor a policy makes it; undefined when not given. */
  readonly default?: unknown
  /** The same for quorum queues, if that is another one. */
  readonly quorumDefault?: unknown
  /**
   * A policy may make the setting, too, under the argument's name without `x-`. When both do, RabbitMQ takes the lower
   * number, or the argument.
   */
  readonly policy?: 'lower' | 'argument'
  /** RabbitMQ: for quorum queues, the policy counts when both do. */
  readonly isQuorumPolicyStronger?: true
}

export type ArgumentTable = Readonly<Record<string, ArgumentRow>>

interface SettingRow extends ArgumentRow {
  readonly setting: string
  readonly read: (field: Field, type: QueueTypeName) => unknown
}

/** The settings that the rows of a table make. */
export type Settings<T extends ArgumentTable> = {
  readonly [R in Extract<T[keyof T], SettingRow> as R['setting']]: R extends { readonly default: infer D }
    ? NonNullable<ReturnType<R['read']>> | D
    : ReturnType<R['read']>
}

type Resource = readonly [kind: 'queue', name: string, vhost: string]

const NO_FIELDS: FieldTable = new Map()

// --- how settings are read; undefined for a value that no check lets through

export function asNumber(field: Field): number | undefined {
  const value = integerValue(field)
  return value === undefined ? undefined : Number(value)
}

export function asFlag(field: Field): boolean | undefined {
  return field.type === 't' ? field.value : undefined
}

export const asOneOf =
  <V extends string>(values: readonly V[]) =>
  (field: Field): V | undefined =>
    values.find((value) => value === textValue(field))

// --- what follows from a table

/** The arguments that a queue type takes: two declarations of a queue must agree on all of them. */
export function argumentsOf(table: ArgumentTable, type: QueueTypeName): string[] {
  return Object.entries(table).flatMap(([name, { types }]) => (types.includes(type) ? [name] : []))
}

/**
 * Throws BrokerError for the first argument that makes no sense, in RabbitMQ's order: that of the rows, `first` before them, and those
 * of other types behind them, whatever their values.
 */
export function checkArguments(
  table: ArgumentTable,
  type: QueueTypeName,
  resource: Resource,
  all: FieldTable,
  first?: string,
): void {
  if (all.size === 0) return
  const rows = Object.entries(table)
  for (const [name, { isExchangeName }] of rows) {
    const field = isExchangeName ? all.get(name) : undefined
    if (field !== undefined && field.type !== 'S') {
      throw refuse.invalidArgumentType(fieldTypeName(field), name, resource)
    }
  }
  const check = (name: string, row: ArgumentRow | undefined): void => {
    const field = all.get(name)
    const why = field === undefined ? undefined : row?.check?.(field, all)
    if (why !== undefined) throw refuse.invalidArgument(name, resource, why)
  }
  if (first !== undefined) check(first, table[first])
  for (const [name, row] of rows) if (row.types.includes(type)) check(name, row)
  for (const [name, { types }] of rows) {
    if (!types.includes(type) && all.has(name)) throw refuse.argumentOfOtherType(name, resource, `rabbit_${type}_queue`)
  }
}

/** Makes the function that computes settings from arguments, and from a policy in the form of a field table. */
export function settingsOf<T extends ArgumentTable>(
  table: T,
  typeOf: (all: FieldTable) => QueueTypeName,
): (all: FieldTable, policy?: FieldTable) => Settings<T> {
  const rows = Object.entries(table).flatMap(([name, row]) => (isSettingRow(row) ? [[name, row] as const] : []))
  const compute = (all: FieldTable, policy: FieldTable): Settings<T> => {
    const settings: Record<string, unknown> = {}
    const type = typeOf(all)
    for (const [name, row] of rows) {
      settings[row.setting] = effective(name, row, all, policy, type) ?? defaultOf(row, type)
    }
    return settings as Settings<T> // one entry for each row
  }
  const defaults = compute(NO_FIELDS, NO_FIELDS)
  return (all, policy = NO_FIELDS) => (all.size === 0 && policy.size === 0 ? defaults : compute(all, policy))
}

function isSettingRow(row: ArgumentRow): row is SettingRow {
  return row.setting !== undefined
}

function defaultOf(row: SettingRow, type: QueueTypeName): unknown {
  return type === 'quorum' ? (row.quorumDefault ?? row.default) : row.default
}

function effective(name: string, row: SettingRow, all: FieldTable, policy: FieldTable, type: QueueTypeName): unknown {
  const byArgument = settingOf(row, all.get(name), type)
  const byPolicy = row.policy === undefined ? undefined : settingOf(row, policy.get(policyKey(name)), type)
  if (byArgument === undefined || byPolicy === undefined) return byArgument ?? byPolicy
  if (row.policy === 'lower') return lowerLimit(byArgument as number, byPolicy as number)
  return row.isQuorumPolicyStronger && type === 'quorum' ? byPolicy : byArgument
}

/** No limit, which is a number below zero, is higher than every limit. */
export function lowerLimit(one: number, other: number): number {
  return one < 0 || other < 0 ? Math.max(one, other) : Math.min(one, other)
}

function settingOf(row: SettingRow, field: Field | undefined, type: QueueTypeName): unknown {
  return field === undefined ? undefined : row.read(field, type)
}

/** What a policy calls the setting that this argument makes. */
export function policyKey(argument: string): string {
  return argument.replace(/^x-/, '')
}
