// Runs before all tests: `same-examples.ts` gives every property this seed.
export function setup(): void {
  process.env.LEVERET_TEST_SEED ??= String(Math.floor(Math.random() * 2 ** 31))
}
