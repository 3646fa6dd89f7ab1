import type { FieldGroup } from './field.ts'

/** What can come to be outside the relay's processes and Redis. It rests on how things are operated. */
export const OUTSIDE_FIELDS: readonly FieldGroup[] = [
  {
    place: 'outside',
    part: 'proxy in front',
    lives: 'foreign',
    seenBy: ['proxy'],
    fields: {
      'client address': ["the client's IP address and port", 'it passes the connection on'],
      times: ['when connections and requests begin and end', 'a proxy sees them pass'],
      'method, path, headers': [
        'which of the fixed paths, user agent and the like; no path names anybody',
        'a proxy that ends TLS reads them',
      ],
      bodies: [
        'addresses, public keys and sealed ciphertext, if the proxy ends TLS; let it pass TLS on, and it sees none',
        'it passes them on',
      ],
      'access and error log': [
        'whatever of the above it is set to write: set it to write nothing',
        'nothing in Lethe needs it',
      ],
    },
  },
  {
    place: 'outside',
    part: 'network',
    lives: 'foreign',
    seenBy: ['network'],
    fields: {
      'addresses and times': ['that somebody at this IP address uses the relay, and when', 'packets have addresses'],
      'frame sizes': ['which of the envelope sizes; all envelopes of a size look alike', 'packets have a length'],
      'server name': ['which relay, from TLS and DNS', 'clients have to find it'],
    },
  },
  {
    place: 'outside',
    part: 'operating system',
    lives: 'connection',
    seenBy: ['machine'],
    short: 'peer',
    fields: {
      'connection table': ["every open connection's IP address and port", 'the system brings packets to the process'],
      'socket buffers': ['what is on its way; encrypted where TLS is used', 'the system hands it on'],
    },
  },
  {
    place: 'outside',
    part: 'operating system',
    lives: 'foreign',
    seenBy: ['machine'],
    fields: {
      swap: ['pieces of the memory of relay or Redis: turn it off', 'nothing in Lethe needs it'],
      'core dumps, heap snapshots, reports': [
        'the memory of a process at one moment: leave them off',
        'nothing in Lethe needs them',
      ],
      'snapshots of a virtual machine': [
        'the whole memory at one moment, for as long as somebody keeps it',
        'nothing in Lethe needs them; whoever rents the machine out can make them unseen',
      ],
      'process accounting': ['when relays were started and stopped', 'nothing in Lethe needs it'],
    },
  },
  {
    place: 'outside',
    part: 'Redis',
    lives: 'foreign',
    seenBy: ['machine'],
    fields: {
      'RDB and AOF files': [
        'all buckets, sealed, as they were then: leave persistence off (lethe audit)',
        'nothing in Lethe needs them',
      ],
      'temporary file of a replica': ['the same, at a full synchronisation: repl-diskless-load swapdb', 'nothing does'],
      'slow log, ACL log, crash log, MONITOR': [
        'commands with their arguments, sealed: leave them off',
        'nothing in Lethe needs them',
      ],
    },
  },
  {
    place: 'outside',
    part: 'lethe disclose',
    lives: 'foreign',
    seenBy: ['machine'],
    fields: {
      document: [
        'what was held about one address at one moment; it is a record, where before there was none',
        'the operator answers a request with it',
      ],
    },
  },
  {
    place: 'outside',
    part: 'monitoring',
    lives: 'foreign',
    seenBy: ['metrics', 'log'],
    fields: {
      'stored metrics': ['the metrics of this table over time', 'operators see load and faults'],
      'collected logs': ['the log lines of this table', 'operators see what happened'],
      "orchestrator's events": ['when relays were started, stopped and moved', 'it runs them'],
    },
  },
]
