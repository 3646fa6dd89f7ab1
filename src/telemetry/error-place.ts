/** What may be said of an error: its class, and the file, line and column of the code where it was made. */
export interface ErrorPlace {
  readonly errorName: string
  readonly place: string
}

const NOWHERE = 'unknown'

/**
 * Class and place of an error. Neither is taken from text that the error carries: its message may hold anything, and the
 * stack as text repeats the message, also one with a line that looks like a place in the code.
 * @param error whatever was thrown; what is no error, or has had its stack read before, has the place `unknown`
 */
export function placeOf(error: unknown): ErrorPlace {
  if (!(error instanceof Error)) return { errorName: NOWHERE, place: NOWHERE }
  const errorName: unknown = Object.getPrototypeOf(error)?.constructor?.name
  return { errorName: typeof errorName === 'string' ? errorName : NOWHERE, place: firstPlace(callSites(error)) }
}

/** The stack before V8 has made text of it, which it does when the stack is read for the first time. */
function callSites(error: Error): readonly NodeJS.CallSite[] {
  const { prepareStackTrace } = Error
  let sites: readonly NodeJS.CallSite[] = []
  Error.prepareStackTrace = (_error, stack) => {
    sites = stack
    return ''
  }
  try {
    void error.stack
  } catch {
    // a stack of its own making
  } finally {
    Error.prepareStackTrace = prepareStackTrace
  }
  return sites
}

function firstPlace(sites: readonly NodeJS.CallSite[]): string {
  for (const site of sites) {
    const file = /[\w.-]+\.[cm]?[jt]s$/.exec(site.getFileName() ?? '')?.[0]
    if (file !== undefined) return `${file}:${site.getLineNumber()}:${site.getColumnNumber()}`
  }
  return NOWHERE
}
