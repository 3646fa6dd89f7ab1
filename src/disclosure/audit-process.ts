import { type AuditFacts, type Check, defineChecks, type ProcessFacts } from './audit-check.ts'

const INSPECTOR = /^--(inspect|debug)/
const REPORT = /^--report-/
const HEAP = /^--(heapsnapshot-|heap-prof)/
const DEBUG_OPTION = /^--(tls-keylog|trace-tls|trace-event|trace-sync-io|cpu-prof)/
const ABORT = '--abort-on-uncaught-exception'

/** What must be so of the process. The one that runs the audit stands in for the relay. */
export const PROCESS_CHECKS = defineChecks({
  inspector: inProcess({
    what: 'The inspector of Node is off: no `--inspect` in NODE_OPTIONS or on the command line',
    why: 'Whoever reaches the inspector reads all memory, with addresses and storeSecret.',
    severity: 'high',
    mend: 'Take the option out.',
    findIn: ({ isInspected, nodeOptions }) => given(nodeOptions, INSPECTOR) ?? (isInspected ? 'it is open' : undefined),
  }),
  'diagnostic-report': inProcess({
    what: 'Node writes no diagnostic report: no `--report-…` option',
    why: 'A report is a file with the network connections and the environment, storeSecret included.',
    severity: 'high',
    mend: 'Take the option out.',
    findIn: ({ isReporting, nodeOptions }) => given(nodeOptions, REPORT) ?? (isReporting ? 'it is on' : undefined),
  }),
  'heap-snapshot': inProcess({
    what: 'Node writes no heap snapshot or profile: no `--heapsnapshot-…` or `--heap-prof` option',
    why: 'A heap snapshot is a file with addresses, keys and envelopes.',
    severity: 'high',
    mend: 'Take the option out.',
    findIn: ({ nodeOptions }) => given(nodeOptions, HEAP),
  }),
  'debug-output': inProcess({
    what: 'Nothing makes Node or a package write what it does: no DEBUG, NODE_DEBUG, `--tls-keylog`, `--trace-tls`',
    why: 'Debug output holds peer addresses, headers, commands with their arguments, or the keys of TLS connections.',
    severity: 'high',
    mend: 'Take the variable or option out.',
    findIn: ({ debugVariables, nodeOptions }) =>
      debugVariables.length > 0 ? `${debugVariables.join(', ')} set` : given(nodeOptions, DEBUG_OPTION),
  }),
  'core-dumps': inProcess({
    what: 'A crash leaves no core dump: `ulimit -c 0`',
    why: 'A core dump is a file with all memory: addresses, storeSecret, envelopes.',
    severity: 'high',
    mend: 'Start the relay under `ulimit -c 0` (systemd: LimitCORE=0, Docker: --ulimit core=0).',
    findIn: ({ coreLimit, nodeOptions }) => {
      if (nodeOptions.includes(ABORT)) return `${ABORT} is given`
      if (coreLimit === undefined) return 'the limit cannot be told'
      return coreLimit === '0' ? undefined : `the limit is ${coreLimit}`
    },
  }),
  swap: inProcess({
    what: 'The machine swaps no memory to a disk',
    why: 'What was swapped out stays on the disk after it was erased from memory.',
    severity: 'medium',
    mend: 'Run swapoff -a and take swap out of /etc/fstab, or forbid it to the container (memory.swap.max 0).',
    findIn: ({ swapAreas }) => {
      if (swapAreas === undefined) return 'whether it swaps cannot be told'
      return swapAreas.length > 0 ? `it swaps to ${swapAreas.join(', ')}` : undefined
    },
  }),
  'log-level': inProcess({
    what: 'LETHE_LOG_LEVEL is not debug',
    why: 'A log that is kept should hold no more than it must.',
    severity: 'low',
    mend: 'Set LETHE_LOG_LEVEL=info or leave it out.',
    findIn: ({ logLevel }) => (logLevel === 'debug' ? 'it is debug' : undefined),
  }),
  'public-origin': {
    what: 'Every public origin is https, unless it is on this machine or an onion service',
    why: 'Without TLS whoever watches the network sees which address each client sends to.',
    severity: 'high',
    mend: 'Give the relay a certificate, or put a proxy with one in front, and write https in LETHE_PUBLIC_ORIGIN.',
    isAboutRedis: false,
    find: ({ publicOrigins, isLoopback }) =>
      publicOrigins
        .filter((origin) => !isPrivate(new URL(origin), isLoopback))
        .map((origin) => ({ where: 'LETHE_PUBLIC_ORIGIN', detail: `${origin} is not encrypted` })),
  },
})

interface ProcessRow extends Omit<Check, 'isAboutRedis' | 'find'> {
  findIn(facts: ProcessFacts): string | undefined
}

function inProcess({ findIn, ...texts }: ProcessRow): Check {
  return {
    ...texts,
    isAboutRedis: false,
    find: (facts) => {
      const detail = findIn(facts.process)
      return detail === undefined ? [] : [{ where: 'process', detail }]
    },
  }
}

function given(options: readonly string[], pattern: RegExp): string | undefined {
  const found = options.filter((option) => pattern.test(option)).map((option) => option.split('=')[0])
  return found.length > 0 ? `${found.join(', ')} given` : undefined
}

function isPrivate({ protocol, hostname }: URL, isLoopback: AuditFacts['isLoopback']): boolean {
  return protocol === 'https:' || hostname.endsWith('.onion') || isLoopback(hostname.replace(/^\[|\]$/g, ''))
}
