/** Exit codes, those of sysexits.h where it has one. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  notHeld: 67,
  relayUnavailable: 69,
  tryAgainLater: 75,
  config: 78,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each of them means, as `--help` says it. */
export const EXIT_HELP = `Exit codes:
  ${EXIT.ok}   done
  ${EXIT.failed}   failed: the line on standard error says why
  ${EXIT.usage}  the command line is wrong
  ${EXIT.notHeld}  there is no such thing to look up: a relay does not hold it
  ${EXIT.relayUnavailable}  the relay does not answer
  ${EXIT.tryAgainLater}  not now: the relay is busy, shutting down or without its store, or the mailbox is full
  ${EXIT.config}  the configuration is wrong: a LETHE_ variable, or the mailbox file
`
