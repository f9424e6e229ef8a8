/** How deep tables and arrays may nest, the outermost table being 1. Keeps every walk of a table off the end of the stack. */
export const FIELD_DEPTH_MAX = 32

/**
 * How many fields a table may have, with those of all tables and arrays in it. A void in an array takes one octet, so
 * frames alone do not bound what a decoded table costs.
 */
export const FIELDS_MAX = 65_536
