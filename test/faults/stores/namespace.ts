import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { NotHereError } from '../frame/not-here.ts'
import type { Scope } from '../frame/scope.ts'

/** A network of its own, joined to this machine's by one cable. */
export interface Namespace {
  /** This machine's end of the cable, and the other. */
  readonly here: string
  readonly there: string
  /** Starts a command in it. */
  readonly launcher: readonly string[]
  /** Drops what comes in, or goes out, on a TCP port of either end. */
  drop(direction: 'input' | 'output', port: number): void
  /** Everything passes again. */
  heal(): void
}

/** Needs root, iproute2 and nftables. @throws NotHereError */
export function makeNamespace(scope: Scope): Namespace {
  const id = randomInt(0x1000, 0x10000).toString(16)
  const name = `lethe-${id}`
  const [near, far] = [`lethe${id}a`, `lethe${id}b`]
  const subnet = `10.${randomInt(200, 250)}.${randomInt(256)}`
  const [here, there] = [`${subnet}.1`, `${subnet}.2`]
  const launcher = ['ip', 'netns', 'exec', name]
  const nft = (rule: string) => execFileSync('ip', ['netns', 'exec', name, 'nft', ...rule.split(' ')])
  try {
    ip(`netns add ${name}`)
    scope.defer(() => ip(`netns del ${name}`))
    ip(`link add ${near} type veth peer name ${far} netns ${name}`)
    ip(`addr add ${here}/24 dev ${near}`)
    ip(`link set ${near} up`)
    for (const command of [`addr add ${there}/24 dev ${far}`, `link set ${far} up`, 'link set lo up'])
      ip(`-n ${name} ${command}`)
    nft('add table inet lethe')
    for (const hook of ['input', 'output'])
      nft(`add chain inet lethe ${hook} { type filter hook ${hook} priority 0 ; }`)
  } catch (error) {
    throw new NotHereError('network namespaces cannot be made', error)
  }
  return {
    here,
    there,
    launcher,
    drop: (direction, port) => {
      for (const end of ['sport', 'dport']) nft(`add rule inet lethe ${direction} tcp ${end} ${port} drop`)
    },
    heal: () => {
      for (const chain of ['input', 'output']) nft(`flush chain inet lethe ${chain}`)
    },
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] })
}
