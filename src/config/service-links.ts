const SERVICE_LINK = /^LETHE_(?:SERVICE_(?:HOST|PORT)|PORT_[0-9]+_(?:TCP|UDP))(?:_[A-Z0-9_]+)?$/

/** What is wrong with a variable that Kubernetes has set, to follow its name. */
export const SERVICE_LINK_DETAIL =
  'was set by Kubernetes for a Service called lethe: set enableServiceLinks: false in the pod, or rename the Service'

/** Whether Kubernetes makes a variable of this name for a Service called lethe. */
export function isServiceLink(name: string): boolean {
  return SERVICE_LINK.test(name)
}
