// Clients that log in, or are refused, for tests that make servers of their own.
import type { Server } from '../../src/server/server.ts'
import { RawClient } from '../support/raw-client.ts'

const REFUSED = 'Login was refused using authentication mechanism PLAIN. For details see the broker logfile.'

export class LogInClients {
  readonly #server: () => Server
  readonly #clients: RawClient[] = []

  /** `server` gives the one that is tested now. */
  constructor(server: () => Server) {
    this.#server = server
  }

  /** A bare connection, nothing sent. */
  async connect(): Promise<RawClient> {
    const client = await RawClient.connect({ host: '127.0.0.1', port: this.#server().addresses[0]?.port ?? 0 })
    this.#clients.push(client)
    return client
  }

  async expectRefused(options: { readonly user?: string; readonly pass?: string }): Promise<void> {
    const client = await this.connect()
    await client.startLogin(options)
    await client.expectConnectionClose(403, REFUSED)
  }

  destroy(): void {
    for (const client of this.#clients.splice(0)) client.destroy()
  }
}
