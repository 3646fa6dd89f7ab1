/** Variables by which Node and packages are made to write what they do. */
const DEBUG_VARIABLES = ['DEBUG', 'NODE_DEBUG', 'NODE_DEBUG_NATIVE']

/** What the environment tells Node itself and the packages that run in it: for the audit. */
export function readRuntimeEnvironment(): { nodeOptions: string; debugVariables: string[] } {
  return {
    nodeOptions: process.env.NODE_OPTIONS ?? '',
    debugVariables: DEBUG_VARIABLES.filter((name) => process.env[name]),
  }
}

/** The LETHE_ variables of this process's environment. Nothing else in the relay reads the environment. */
export function readEnvironment(): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('LETHE_') && value !== undefined) variables[name] = value
  }
  return variables
}
