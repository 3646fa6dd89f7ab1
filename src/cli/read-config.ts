import { type Config, ConfigError, loadConfig } from '../config/config.ts'
import { readEnvironment } from '../config/env.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

/** The configuration of this environment. @throws Failure (78) with one line for each problem */
export function readConfig(): Config {
  try {
    return loadConfig(readEnvironment())
  } catch (error) {
    if (error instanceof ConfigError) throw new Failure(EXIT.config, error.message)
    throw error
  }
}
