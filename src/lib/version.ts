/** The version of this package. A test compares it with package.json, which cannot be read from both module forms. */
const VERSION = '0.1.0'

/** Whose behaviour this is: clients and tools look at RabbitMQ's version to decide what they may use. */
export const RABBITMQ_VERSION = '4.2.0'

export function leveretVersion(): string {
  return VERSION
}
