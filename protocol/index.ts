/** The door of `leveret/protocol`: AMQP 0-9-1 as bytes, without sockets and without a broker. */
export {
  BASIC_CLASS_ID,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  FRAME_MIN_BYTES,
  FRAME_OVERHEAD_BYTES,
  PROTOCOL_HEADER,
  ReplyCode,
  type ReplyCodeName,
  replyCodeName,
} from './constants.ts'
export { FrameError } from './errors.ts'
export {
  type Decimal,
  decodeFieldTable,
  encodeFieldTable,
  type Field,
  type FieldTable,
  writeFieldTable,
} from './field-table.ts'
export { FIELD_DEPTH_MAX, FIELDS_MAX } from './field-table-limits.ts'
export { fieldTable, type PlainTable, type PlainValue, plainTable, plainValue } from './field-table-plain.ts'
export { skipFieldTable } from './field-table-skip.ts'
export { decodeMethod, encodeMethodFrame, writeMethodFrame } from './method-codec.ts'
export {
  type FieldKind,
  type FromClient,
  type FromServer,
  METHODS,
  type Method,
  type MethodArguments,
  type MethodInput,
  type MethodName,
  type MethodRow,
  type ReservedKind,
} from './methods.ts'
export {
  type ContentHeader,
  decodeContentHeader,
  encodeContentHeader,
  findProperty,
  PROPERTY_FLAGS,
  type Properties,
  readFlags,
  validateProperties,
} from './properties.ts'
export { Reader } from './reader.ts'
export { Writer } from './writer.ts'
