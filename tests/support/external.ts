/** The URI of a running broker that the suite is to test in place of a Leveret of its own. */
export const EXTERNAL_URI = process.env.LEVERET_TEST_URI

/** True when the suite runs against a broker that it did not start. */
export const isExternal = EXTERNAL_URI !== undefined
