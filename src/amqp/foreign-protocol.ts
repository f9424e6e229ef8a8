/** What a client speaks whose first bytes are not those of AMQP 0.9.1: a word for the log. */
export function foreignProtocol(first: Uint8Array): string {
  const text = Buffer.from(first).toString('latin1')
  if (first[0] === 0x16 && first[1] === 3) return 'TLS'
  if (/^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT) /.test(text)) return 'HTTP'
  // The octet behind the name is that of SASL, of TLS or of none of them.
  if (text.startsWith('AMQP')) return first[4] !== 1 && first[5] === 1 ? 'AMQP 1.0' : 'AMQP of another version'
  // CONNECT, the length of the packet, and the name of the protocol behind its own length.
  if (first[0] === 0x10 && /^.{3,5}MQ(?:TT|Is)/s.test(text)) return 'MQTT'
  if (/^(?:STOMP|CONNECT)\r?\n/.test(text)) return 'STOMP'
  return 'unknown'
}
