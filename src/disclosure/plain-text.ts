const LINE_LENGTH = 78

const UNITS = [
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const

/** Breaks a paragraph at spaces. */
export function wrap(paragraph: string, indent = ''): string {
  const lines: string[] = []
  let line = ''
  for (const word of paragraph.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > LINE_LENGTH) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((text) => `${indent}${text}`).join('\n')
}

/** Paragraphs with a dash before each, one below the other. */
export function list(paragraphs: readonly string[]): string {
  return paragraphs.map((paragraph) => `- ${wrap(paragraph, '  ').trimStart()}`).join('\n')
}

/** `4,000` */
export function numberText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 envelope`, `2 envelopes` */
export function plural(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A length of time in the largest unit that it is a whole number of: `4 hours`. */
export function classText(seconds: number): string {
  const [unit, length] = UNITS.find(([, length]) => seconds % length === 0) ?? ['second', 1]
  return plural(seconds / length, unit)
}

/** `2026-11-23 08:00:00 UTC` of `2026-11-23T08:00:00Z`. */
export function timeText(utc: string): string {
  return utc.replace('T', ' ').replace('Z', ' UTC')
}

export function capitalize(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
