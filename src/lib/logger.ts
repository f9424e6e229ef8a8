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

/** A logger that fails must not end what wanted to log: what a program's own logger throws is dropped. */
export function steadyLogger(logger: Logger): Logger {
  const steady =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      try {
        logger[level](fields, message)
      } catch {
        // There is no other place to say so.
      }
    }
  return { debug: steady('debug'), info: steady('info'), warn: steady('warn'), error: steady('error') }
}

/** Drops everything: the default of an embedded server. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
