import { TapReport, type TapTotals } from '../_util/runner/tap-report.ts'
import { test } from '../_util/tap.ts'

function report(output: string, pieceLength = output.length): { lines: string[]; totals: TapTotals | undefined } {
  const lines: string[] = []
  const tapReport = new TapReport((line) => lines.push(line))
  for (let at = 0; at < output.length; at += pieceLength) tapReport.push(output.slice(at, at + pieceLength))
  return { totals: tapReport.end(), lines }
}

const PASSING = `# Subtest: build/test/a.test.js
    # Subtest: it works
        ok 1 - should be equal
        1..1
    ok 1 - it works # time=7.6ms
    
    1..1
    # time=62.8ms
ok 1 - build/test/a.test.js # time=1262.8ms

`
const FAILING = `# Subtest: build/test/b.test.js
    # Subtest: it works
        ok 1 - should be equal
        1..1
    ok 1 - it works # time=7.6ms
    
    # Subtest: it breaks
        not ok 1 - one
          ---
          diff: |
            -2
            +1
          ...
        
        1..1
    not ok 2 - it breaks # time=1ms
    1..2
    # time=62.8ms
not ok 2 - build/test/b.test.js # time=500ms
  ---
  exitCode: 1
  ...

`
const TOTALS = `# { total: 5, pass: 2, fail: 2, skip: 1 }
# time=1054.9ms
`

test('a file that passed is one line, a failure is shown under its test, whatever the pieces', (t) => {
  const whole = report(`TAP version 14\n1..2\n${PASSING}${FAILING}${TOTALS}`)
  t.same(whole.totals, { passed: 2, failed: 2, skipped: 1, empty: 0 })
  t.same(whole.lines, [
    'passed  build/test/a.test.js (1.3 s)',
    'FAILED  build/test/b.test.js (0.5 s)',
    '    # Subtest: it breaks',
    '        not ok 1 - one',
    '          ---',
    '          diff: |',
    '            -2',
    '            +1',
    '          ...',
    '    not ok 2 - it breaks # time=1ms',
    '  ---',
    '  exitCode: 1',
    '  ...',
  ])
  t.same(report(`TAP version 14\n1..2\n${PASSING}${FAILING}${TOTALS}`, 7), whole)
  t.end()
})

test('what was skipped or asserts nothing is counted and named', (t) => {
  const { lines, totals } = report(`# Subtest: build/test/a.test.js
    # Subtest: hollow
        1..0
    ok 1 - hollow # time=2ms
    
    ok 2 - later # SKIP why
    1..2
ok 1 - build/test/a.test.js # time=36ms

# Subtest: build/test/none.test.js
    1..0 # no tests found
ok 2 - build/test/none.test.js # SKIP no tests found

# { total: 3, pass: 1, skip: 2 }
`)
  t.same(totals, { passed: 0, failed: 0, skipped: 2, empty: 1 })
  t.same(lines, [
    'passed  build/test/a.test.js (0.0 s)',
    '    # Subtest: hollow',
    '        nothing is asserted here',
    '    ok 2 - later # SKIP why',
    'SKIPPED build/test/none.test.js: SKIP no tests found',
  ])
  t.end()
})

test('a tap that breaks off has no totals, and what it said is shown', (t) => {
  const { lines, totals } = report('TAP version 14\n    # Subtest: half\n        something went wrong')
  t.equal(totals, undefined)
  t.same(lines, ['    # Subtest: half', '        something went wrong'])
  t.end()
})
