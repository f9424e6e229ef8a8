/** Opens the control socket where the options say. */
import { AUTOMATIC } from '../../../config/listener-options.ts'
import type { Config } from '../../../config/options.ts'
import type { ControlledProcess } from '../../http/control-routes.ts'
import type { Logger } from '../../lib/logger.ts'
import type { ControlOptions } from '../../server/server-http.ts'
import { controlSocketPath } from '../ctl/control-place.ts'

export interface ControlServer {
  listenControl(options: ControlOptions): Promise<void>
}

/** `port` is where the broker listens. Rejects when a path that was chosen cannot be used; without one, the broker goes on. */
export async function openControl(
  server: ControlServer,
  config: Config,
  port: number | string,
  process: ControlledProcess,
  logger: Logger,
): Promise<void> {
  try {
    const path = controlSocketPath(config, port, globalThis.process.env)
    if (path === undefined) return
    await server.listenControl({ path, process })
    logger.info({ path }, "control socket: 'leveret ctl' speaks to it")
  } catch (error) {
    if (config.ctlSocket !== AUTOMATIC) throw error
    logger.warn(
      { err: error },
      "there is no control socket, and so no 'leveret ctl' but with --url: choose a place with --ctl-socket",
    )
  }
}
