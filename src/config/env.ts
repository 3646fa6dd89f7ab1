/** The LETHE_ variables of this process's environment. The only place that reads it. */
export function readEnvironment(): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('LETHE_') && value !== undefined) variables[name] = value
  }
  return variables
}
