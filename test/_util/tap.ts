/** The one place that knows the test runner; every test takes `test` from here. */
export { type Test, test } from 'tap'
