/** JSON Schema in short: `fields({ name: text, 'policy?': text })`. A question mark stands behind what may be missing. */

export type Schema = { readonly [key: string]: unknown }

export const text: Schema = { type: 'string' }
export const whole: Schema = { type: 'integer' }
export const number: Schema = { type: 'number' }
export const flag: Schema = { type: 'boolean' }
export const anything: Schema = {}
/** An object with any keys. */
export const table: Schema = { type: 'object', additionalProperties: true }

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items }
}

export function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] }
}

export function either(...schemas: readonly Schema[]): Schema {
  return { anyOf: schemas }
}

export function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values }
}

/** More keys than these may be there: versions to come add some. */
export function fields(all: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(all)
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name.replace(/\?$/, ''), all[name]])),
    required: names.filter((name) => !name.endsWith('?')),
  }
}

/** The same field with the same schema for many names. */
export function each(names: readonly string[], schema: Schema): Record<string, Schema> {
  return Object.fromEntries(names.map((name) => [name, schema]))
}

/** What each counter has beside it: `publish_details`. */
export function counters(...names: readonly string[]): Record<string, Schema> {
  return Object.fromEntries(
    names.flatMap((name) => [[name, whole] as const, [`${name}_details`, ref('Details')] as const]),
  )
}
