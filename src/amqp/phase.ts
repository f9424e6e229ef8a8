/** How far a connection is. */
export type Phase = 'header' | 'handshake' | 'open' | 'closing' | 'closed'
