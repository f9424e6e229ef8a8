/** The OpenAPI document, made of the routes and of what is said of them. */
import type { Requirement } from '../access.ts'
import type { Route } from '../route.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { flag, ref, type Schema, text, whole } from './schema.ts'
import { SCHEMAS } from './schemas.ts'

const WHO: Readonly<Record<Requirement, string>> = {
  nothing: 'No log-in is asked for.',
  user: 'For users with a tag.',
  monitor: 'For monitors and administrators.',
  administrator: 'For administrators.',
  vhost: 'For users with a tag who may open the virtual host; their permissions in it count.',
  'visible vhost': 'For users with a tag who may open the virtual host, and monitors.',
  policymaker: 'For policymakers who may open the virtual host.',
  'global policymaker': 'For policymakers.',
}

/** What lists can be asked for. */
const LIST_PARAMETERS: Readonly<Record<string, Schema>> = {
  page: { ...whole, minimum: 1 },
  page_size: { ...whole, minimum: 1, maximum: 500 },
  name: text,
  use_regex: flag,
  sort: text,
  sort_reverse: flag,
  columns: text,
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly schema: Schema
}

/** `server` is what is in front of every path: `/api`. */
export function openApiDocument(routes: readonly Route[], server: string, version: string): object {
  const paths = routes.map(({ path, methods }) => {
    const operations = Object.entries(methods).map(([method, { requires }]) => {
      const operation = OPERATIONS[`${method} ${path}`]
      if (operation === undefined) throw new Error(`nothing is said of ${method} ${path}`)
      return [method.toLowerCase(), operationObject(path, method, operation, requires)] as const
    })
    return [path.replace(/:(\w+)/g, '{$1}'), Object.fromEntries(operations)] as const
  })
  return {
    openapi: '3.1.0',
    info: {
      title: 'Leveret management API',
      version,
      description: 'As the management API of RabbitMQ. Parts of a path are percent-encoded: the virtual host / is %2F.',
    },
    servers: [{ url: server }],
    security: [{ basic: [] }, { bearer: [] }],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      },
      schemas: SCHEMAS,
    },
  }
}

function operationObject(path: string, method: string, operation: Operation, requires: Requirement): object {
  const { summary, body, bodyType = 'application/json' } = operation
  const parameters = parametersOf(path, operation)
  return {
    operationId: `${method.toLowerCase()} ${path}`.replace(/[^A-Za-z0-9]+/g, '_'),
    summary,
    description: WHO[requires],
    tags: [path.split('/')[1] ?? ''],
    ...(requires === 'nothing' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { content: { [bodyType]: { schema: body } } } }),
    responses: responsesOf(method, operation, requires),
  }
}

function parametersOf(path: string, { isList = false }: Operation): Parameter[] {
  const inPath = Array.from(path.matchAll(/:(\w+)/g), ([, name = '']) => {
    return { name, in: 'path', required: true, schema: text } as const
  })
  if (!isList) return inPath
  const inQuery = Object.entries(LIST_PARAMETERS).map(([name, schema]) => {
    return { name, in: 'query', required: false, schema } as const
  })
  return [...inPath, ...inQuery]
}

function responsesOf(method: string, operation: Operation, requires: Requirement): object {
  const { answer, answerType = 'application/json' } = operation
  const content = (schema: Schema): object => ({ content: { [answerType]: { schema } } })
  const refusal = (description: string): object => ({
    description,
    content: { 'application/json': { schema: ref('Error') } },
  })
  const good =
    answer === undefined
      ? { '201': { description: 'It is new.' }, '204': { description: 'Done.' } }
      : { '200': { description: 'The answer.', ...content(asAnswered(answer, operation)) } }
  return {
    ...good,
    ...(method === 'GET' ? {} : { '400': refusal('It makes no sense, or the broker refuses it.') }),
    ...(requires === 'nothing' ? {} : { '401': refusal('The user may not do that.') }),
    ...(requires === 'nothing' || method === 'GET' ? {} : { '403': refusal('A page of another origin asks.') }),
    '404': refusal('There is no such thing.'),
    ...(isHealth(operation) ? { '503': { description: 'The check fails.', ...content(ref('Health')) } } : {}),
  }
}

function isHealth({ answer }: Operation): boolean {
  return answer?.$ref === ref('Health').$ref
}

/** A list, or a page of it. */
function asAnswered(answer: Schema, { isList = false }: Operation): Schema {
  if (!isList) return answer
  const counts = ['total_count', 'filtered_count', 'item_count', 'page', 'page_size', 'page_count']
  const page = {
    type: 'object',
    properties: { ...Object.fromEntries(counts.map((name) => [name, whole])), items: answer },
    required: [...counts, 'items'],
  }
  return { anyOf: [answer, page] }
}
