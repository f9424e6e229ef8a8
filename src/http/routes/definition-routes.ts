/** Definitions: export and import, of the whole server and of one virtual host. */
import { done } from '../answers.ts'
import { ApiError, badRequest } from '../api-error.ts'
import { LONG_BODY_BYTES_MAX } from '../body.ts'
import type { Call } from '../call.ts'
import { Definitions } from '../definitions/definitions.ts'
import { exportAll, exportVhost } from '../definitions/export.ts'
import { importDefinitions } from '../definitions/import.ts'
import { fileInForm } from '../form-file.ts'
import type { Line } from '../line.ts'
import { longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { clusterName } from './server-routes.ts'

/** Takes its turn; meanwhile, the body counts as one that is being read. */
async function importing(call: Call, into?: string): Promise<Response> {
  const { bytes, over } = await call.hold(LONG_BODY_BYTES_MAX)
  try {
    const leave = await enter(call, call.imports, 'imports')
    try {
      await importDefinitions(call.server, await definitionsIn(call, bytes, into), call.user.name)
    } finally {
      leave()
    }
  } finally {
    over()
  }
  return done()
}

/** Throws ApiError. */
async function enter(call: Call, line: Line, what: string): Promise<() => void> {
  const leave = await line.enter(call.gone)
  if (leave === undefined) throw new ApiError(503, 'service_unavailable', `Too many ${what} at a time`)
  return leave
}

/** As JSON, or as the file of a form, as browsers send it. */
async function definitionsIn(call: Call, bytes: Buffer, into: string | undefined): Promise<Definitions> {
  const type = call.headers.get('content-type') ?? ''
  const file = type.toLowerCase().startsWith('multipart/form-data') ? fileInForm(bytes, type) : bytes
  if (file === undefined) throw badRequest('the form has no file')
  return await Definitions.read(file, into)
}

/** Each holds what it has found until its client has read it. */
const exporting = async (call: Call, found: () => Promise<object>): Promise<Response> => {
  const over = await enter(call, call.exports, 'exports')
  try {
    return attachment(call, longObject(await found(), undefined, over))
  } catch (error) {
    over()
    throw error
  }
}

const attachment = (call: Call, response: Response): Response => {
  const name = call.query.get('download')
  if (name !== null && name !== '') {
    response.headers.set('content-disposition', `attachment; filename="${name.replace(/[^\w.-]/g, '_').slice(0, 128)}"`)
  }
  return response
}

const ofServer = {
  GET: endpoint('administrator', (call) =>
    exporting(call, async () => await exportAll(call, clusterName(call, await call.server.node()))),
  ),
  POST: endpoint('administrator', (call) => importing(call)),
}

export const DEFINITION_ROUTES: readonly Route[] = [
  { path: '/definitions', methods: ofServer },
  { path: '/all-configuration', methods: ofServer },
  {
    path: '/definitions/:vhost',
    methods: {
      GET: endpoint('administrator', (call) => exporting(call, () => exportVhost(call.vhost()))),
      POST: endpoint('administrator', (call) => importing(call, call.vhost().name)),
    },
  },
]
