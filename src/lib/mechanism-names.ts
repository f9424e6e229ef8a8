/** The SASL mechanisms there are. */
export const MECHANISM_NAMES = ['PLAIN', 'AMQPLAIN', 'EXTERNAL', 'ANONYMOUS'] as const

export type MechanismName = (typeof MECHANISM_NAMES)[number]
