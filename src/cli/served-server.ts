import type { Config, OptionName } from '../../config/options.ts'
import type { ControlledProcess } from '../http/control-routes.ts'
import type { ListenAddress } from '../listeners/listen-options.ts'

/** What `serve` needs of a server. */
export interface ServedServer {
  /** Opens the storage. */
  start(): Promise<void>
  /** Before any client is let in. Rejects with DefinitionsError. */
  loadDefinitions(): Promise<void>
  listen(): Promise<readonly ListenAddress[]>
  /** The management API, which shows this text as the config, and the metrics. */
  openHttpDoors(effectiveConfig: () => string): Promise<void>
  /** For `leveret ctl`. */
  openControl(process: ControlledProcess): Promise<void>
  /** Takes over what can change while it runs, reads the TLS files again, and returns which of the changed options it has taken. */
  reload(config: Config, changed: readonly OptionName[]): readonly OptionName[]
  shutdown(options: { readonly graceMs: number }): Promise<void>
}
