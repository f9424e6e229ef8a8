/** With --latency a body starts with the time of sending: a float64, microseconds of the shared clock. */
export const STAMP_BYTES = 8
