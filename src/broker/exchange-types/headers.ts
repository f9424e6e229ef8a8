/**
 * A message goes where its headers match the binding's arguments: all of them or any of them (`x-match`). Arguments that
 * begin with `x-` only count in the modes all-with-x and any-with-x; a void argument asks only that the header is there.
 */
import type { Field, FieldTable } from '../../../protocol/field-table.ts'
import type { Binding, Destination } from '../binding.ts'
import { refuse } from '../errors.ts'
import { fieldText, fieldTypeName, sameValue } from '../fields.ts'
import type { RoutingTable } from './exchange-types.ts'

const MATCH_MODES = {
  all: { isAny: false, withX: false },
  any: { isAny: true, withX: false },
  'all-with-x': { isAny: false, withX: true },
  'any-with-x': { isAny: true, withX: true },
} as const

interface Matcher {
  readonly destination: Destination
  readonly isAny: boolean
  readonly wanted: readonly (readonly [name: string, value: Field])[]
}

export class HeadersTable implements RoutingTable {
  readonly #matchers = new Map<Binding, Matcher>()

  add(binding: Binding): void {
    this.#matchers.set(binding, createMatcher(binding))
  }

  remove(binding: Binding): void {
    this.#matchers.delete(binding)
  }

  route(_routingKey: string, headers: FieldTable, visit: (destination: Destination) => void): void {
    for (const matcher of this.#matchers.values()) {
      if (matches(matcher, headers)) visit(matcher.destination)
    }
  }
}

export function checkHeadersBinding(bindingArguments: FieldTable): void {
  const mode = bindingArguments.get('x-match')
  if (mode === undefined) return
  if (mode.type !== 'S') throw refuse.invalidXMatchType(fieldTypeName(mode), fieldText(mode))
  if (!Object.hasOwn(MATCH_MODES, String(mode.value))) throw refuse.invalidXMatch(fieldText(mode))
}

function createMatcher(binding: Binding): Matcher {
  const mode = binding.arguments.get('x-match')
  const name = mode?.type === 'S' ? String(mode.value) : 'all'
  const { isAny, withX } = MATCH_MODES[name as keyof typeof MATCH_MODES] // checked when it was bound
  const wanted = [...binding.arguments].filter(([key]) => key !== 'x-match' && (withX || !key.startsWith('x-')))
  return { destination: binding.destination, isAny, wanted }
}

function matches({ isAny, wanted }: Matcher, headers: FieldTable): boolean {
  for (const [name, value] of wanted) {
    const header = headers.get(name)
    const isMatch = header !== undefined && (value.type === 'V' || sameValue(header, value))
    if (isMatch === isAny) return isAny
  }
  return !isAny
}
