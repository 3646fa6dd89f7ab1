import { type Field, fieldsOf } from './field.ts'
import { ENVIRONMENT_FIELDS } from './inventory-environment.ts'
import { LOG_EVENT_FIELDS } from './inventory-log.ts'
import { MEMORY_FIELDS } from './inventory-memory.ts'
import { METRICS_FIELDS } from './inventory-metrics.ts'
import { OUTSIDE_FIELDS } from './inventory-outside.ts'
import { PROCESS_FIELDS } from './inventory-process.ts'
import { REDIS_FIELDS } from './inventory-redis.ts'
import { RESPONSE_FIELDS } from './inventory-responses.ts'

/**
 * Every piece of information that can exist anywhere because the relay runs: where, what it tells, how long, who sees it,
 * and why it is needed. What is added to the relay is added here first; tests hold the table against the code.
 */
export const INVENTORY: readonly Field[] = [
  ...REDIS_FIELDS,
  ...MEMORY_FIELDS,
  ...PROCESS_FIELDS,
  ...LOG_EVENT_FIELDS,
  ...METRICS_FIELDS,
  ...RESPONSE_FIELDS,
  ...ENVIRONMENT_FIELDS,
  ...OUTSIDE_FIELDS,
].flatMap(fieldsOf)
