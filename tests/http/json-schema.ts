// As much of JSON Schema as the API's document uses: what is wrong with a value, at which place.
export type Schema = { readonly [key: string]: unknown }

export function problems(value: unknown, schema: Schema, all: Readonly<Record<string, Schema>>, at = '$'): string[] {
  const { $ref, type, anyOf, enum: allowed, items, properties, required } = schema
  if (typeof $ref === 'string') {
    const target = all[$ref.replace('#/components/schemas/', '')]
    return target === undefined ? [`${at}: there is no ${$ref}`] : problems(value, target, all, at)
  }
  if (Array.isArray(anyOf)) {
    const found = anyOf.map((one: Schema) => problems(value, one, all, at))
    return found.some(({ length }) => length === 0) ? [] : (found[0] ?? [])
  }
  if (type !== undefined && !isOfType(value, String(type))) return [`${at}: ${JSON.stringify(value)} is no ${type}`]
  if (Array.isArray(allowed) && !allowed.includes(value))
    return [`${at}: ${JSON.stringify(value)} is none of ${allowed}`]
  if (Array.isArray(value)) {
    return items === undefined
      ? []
      : value.flatMap((one, place) => problems(one, items as Schema, all, `${at}[${place}]`))
  }
  if (typeof value !== 'object' || value === null) return []
  const missing = ((required ?? []) as string[]).filter((name) => !Object.hasOwn(value, name))
  const known = Object.entries((properties ?? {}) as Record<string, Schema>)
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...known.flatMap(([name, one]) => {
      const part = (value as Record<string, unknown>)[name]
      return part === undefined ? [] : problems(part, one, all, `${at}.${name}`)
    }),
  ]
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === type
  }
}
