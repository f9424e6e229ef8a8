/** The backends there are: who knows users, and says what they may do. */
export const BACKEND_NAMES = ['internal', 'http', 'oauth2', 'cache'] as const

export type BackendName = (typeof BACKEND_NAMES)[number]

/** How tokens are signed: with keys that are public, since a secret that is shared with the broker would let it sign tokens. */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
