/** The samples of a page in Prometheus' text form: `name{label="value"}` and number. */
export function parseMetricsPage(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const at = line.lastIndexOf(' ')
    const name = line.slice(0, at)
    if (samples.has(name)) throw new Error(`${name} is on the page twice`)
    samples.set(name, Number(line.slice(at + 1)))
  }
  return samples
}
