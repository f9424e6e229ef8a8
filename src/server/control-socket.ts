/** The control socket of a server: a Unix socket for the owner of its folder, who needs no password. */
import type { ControlParts } from '../http/control-routes.ts'
import type { HttpListener } from '../http/http-listener.ts'
import type { HttpContext } from '../http/start.ts'
import { type SocketPath, socketPath } from '../lib/socket-path.ts'
import { claimSocketFile, withSocketMode } from '../listeners/unix-socket.ts'

/** No other user of the system may connect. */
const OWNER_ALONE = 0o600

export class ControlSocket {
  readonly #listener: HttpListener
  readonly #place: SocketPath

  private constructor(listener: HttpListener, place: SocketPath) {
    this.#listener = listener
    this.#place = place
  }

  /**
   * A socket that a process has left behind that was killed is replaced. Rejects with EADDRINUSE when a program listens there, or
   * when something else than a socket has that name, with Error for a path that is too long.
   */
  static async open(context: HttpContext, path: string, parts: ControlParts): Promise<ControlSocket> {
    const place = socketPath(path)
    try {
      await claimSocketFile(place.path)
      const { startControl } = await import('../http/start.ts')
      const within = (listen: () => void): void => withSocketMode(place.path, OWNER_ALONE, listen)
      return new ControlSocket(await startControl(context, { ...parts, path: place.path, within }), place)
    } catch (error) {
      place.release()
      // The operator knows the whole path.
      throw error instanceof Error && 'address' in error ? Object.assign(error, { address: path }) : error
    }
  }

  unref(): void {
    this.#listener.unref()
  }

  /** Cuts off who is connected; the file goes. */
  async close(): Promise<void> {
    await this.#listener.close()
    this.#place.release()
  }
}
