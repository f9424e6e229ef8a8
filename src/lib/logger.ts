/**
 * What the broker needs from a logger; pino's loggers have it. Fields first, then one plain sentence. No caller logs
 * payloads, passwords or anything per message.
 */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

function ignore(): void {}

/** Drops everything: the default of an embedded server. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
