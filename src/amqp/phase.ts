/** How far a connection is. A `stopped` one is closed by us in a later turn, or as soon as its client sends something. */
export type Phase = 'header' | 'handshake' | 'open' | 'stopped' | 'closing' | 'closed'
