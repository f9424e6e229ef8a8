import type { NodeInfo } from '../../embedded/node-info.ts'
import { notFound } from '../api-error.ts'
import type { Call } from '../call.ts'

/** This server as the node of the path. Throws ApiError for another one. */
export async function requireThisNode(call: Call): Promise<NodeInfo> {
  const node = await call.server.node()
  if (call.param('node') !== node.name) throw notFound()
  return node
}
