/** Definitions: export and import, of the whole server and of one virtual host. */
import { done } from '../answers.ts'
import { ApiError, badRequest } from '../api-error.ts'
import { LONG_BODY_BYTES_MAX } from '../body.ts'
import type { Call } from '../call.ts'
import { Definitions } from '../definitions/definitions.ts'
import { exportAll, exportVhost } from '../definitions/export.ts'
import { importDefinitions } from '../definitions/import.ts'
import { fileInForm } from '../form-file.ts'
import { longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { clusterName } from './server-routes.ts'

/** As JSON, or as the file of a form, as browsers send it. */
async function definitionsIn(call: Call, into?: string): Promise<Definitions> {
  const type = call.headers.get('content-type') ?? ''
  const bytes = await call.bytes(LONG_BODY_BYTES_MAX)
  const file = type.toLowerCase().startsWith('multipart/form-data') ? fileInForm(bytes, type) : bytes
  if (file === undefined) throw badRequest('the form has no file')
  return await Definitions.read(file, into)
}

/** Each holds what it has found until its client has read it. */
const exporting = async (call: Call, found: () => Promise<object>): Promise<Response> => {
  const over = await call.exports.enter()
  if (over === undefined) throw new ApiError(503, 'service_unavailable', 'Too many exports at a time')
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
  POST: endpoint('administrator', async (call) => {
    await importDefinitions(call.server, await definitionsIn(call), call.user.name)
    return done()
  }),
}

export const DEFINITION_ROUTES: readonly Route[] = [
  { path: '/definitions', methods: ofServer },
  { path: '/all-configuration', methods: ofServer },
  {
    path: '/definitions/:vhost',
    methods: {
      GET: endpoint('administrator', (call) => exporting(call, () => exportVhost(call.vhost()))),
      POST: endpoint('administrator', async (call) => {
        await importDefinitions(call.server, await definitionsIn(call, call.vhost().name), call.user.name)
        return done()
      }),
    },
  },
]
