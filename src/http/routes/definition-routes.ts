/** Definitions: export and import, of the whole server and of one virtual host. */
import { done } from '../answers.ts'
import { badRequest } from '../api-error.ts'
import { parseObject } from '../body.ts'
import type { Call } from '../call.ts'
import { exportAll, exportVhost } from '../definitions/export.ts'
import { importDefinitions } from '../definitions/import.ts'
import type { JsonObject } from '../json.ts'
import { longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { clusterName } from './server-routes.ts'

/** As JSON, or as the file of a form, as browsers send it. */
async function definitionsIn(call: Call): Promise<JsonObject> {
  const type = call.headers.get('content-type') ?? ''
  const bytes = await call.bytes()
  if (!type.toLowerCase().startsWith('multipart/form-data')) return parseObject(bytes.toString())
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined)
  const file = form?.get('file')
  if (file === undefined || file === null) throw badRequest('the form has no file')
  return parseObject(typeof file === 'string' ? file : await file.text())
}

const attachment = (call: Call, response: Response): Response => {
  const name = call.query.get('download')
  if (name !== null && name !== '') {
    response.headers.set('content-disposition', `attachment; filename="${name.replace(/[^\w.-]/g, '_').slice(0, 128)}"`)
  }
  return response
}

const ofServer = {
  GET: endpoint('administrator', async (call) =>
    attachment(call, longObject(await exportAll(call, clusterName(call, await call.server.node())))),
  ),
  POST: endpoint('administrator', async (call) => {
    await importDefinitions(call.server, await definitionsIn(call))
    return done()
  }),
}

export const DEFINITION_ROUTES: readonly Route[] = [
  { path: '/definitions', methods: ofServer },
  { path: '/all-configuration', methods: ofServer },
  {
    path: '/definitions/:vhost',
    methods: {
      GET: endpoint('administrator', async (call) => attachment(call, longObject(await exportVhost(call.vhost())))),
      POST: endpoint('administrator', async (call) => {
        await importDefinitions(call.server, await definitionsIn(call), call.vhost().name)
        return done()
      }),
    },
  },
]
