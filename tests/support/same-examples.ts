// Runs before each file: properties have the same examples in all of a run, so that a test which is tried again fails again when it has
// found something. A failure names the seed, and LEVERET_TEST_SEED repeats it.
import fc from 'fast-check'

const seed = process.env.LEVERET_TEST_SEED
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
