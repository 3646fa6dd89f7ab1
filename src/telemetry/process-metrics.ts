import type { MetricRow } from './metric-row.ts'

const MEBIBYTE = 2 ** 20

/** What the process takes, and may take. */
export const PROCESS_METRICS = {
  eventLoopDelay: {
    name: 'lethe_event_loop_delay_seconds',
    type: 'gauge',
    help: 'How late timers ran since the interval began.',
    unit: 'seconds',
    labels: { statistic: ['mean', 'p50', 'p99', 'max'] },
    grain: 2 ** -14,
  },
  processStart: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process was started, in Unix time.',
    unit: 'seconds',
    labels: {},
    grain: 0,
  },
  processCpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the process, in user and system mode.',
    unit: 'seconds',
    labels: {},
    grain: 2 ** -4,
  },
  processMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the process.',
    unit: 'bytes',
    labels: {},
    grain: MEBIBYTE,
  },
  heap: {
    name: 'nodejs_heap_used_bytes',
    type: 'gauge',
    help: 'Memory used on the JavaScript heap.',
    unit: 'bytes',
    labels: {},
    grain: MEBIBYTE,
  },
  heapLimit: {
    name: 'nodejs_heap_limit_bytes',
    type: 'gauge',
    help: 'Most memory that the JavaScript heap may use.',
    unit: 'bytes',
    labels: {},
    grain: 0,
  },
  garbageCollection: {
    name: 'nodejs_gc_seconds_total',
    type: 'counter',
    help: 'Time spent collecting garbage, by kind of collection.',
    unit: 'seconds',
    labels: { kind: ['minor', 'major', 'incremental', 'weakcb'] },
    grain: 2 ** -6,
  },
} as const satisfies Record<string, MetricRow>
