import type { Frame } from './profile-shares.ts'

/** Frames with a smaller share of everything are left out: nobody could see them. */
const LEAST_SHARE = 0.0005

interface Box {
  n: string
  f: string
  t: number
  s: number
  c: Box[]
}

function boxOf({ name, file, total, self, children }: Frame, least: number): Box {
  return {
    n: name,
    f: file,
    t: Math.round(total),
    s: Math.round(self),
    c: children.filter((child) => child.total >= least).map((child) => boxOf(child, least)),
  }
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Where the relay spends its time</title>
<style>
body { font: 13px/1.4 system-ui, sans-serif; margin: 16px; color-scheme: light dark }
#graph { position: relative; overflow: hidden }
#graph button { position: absolute; height: 19px; padding: 0 3px; border: 0; border-radius: 2px; overflow: hidden;
  font: 11px/19px ui-monospace, monospace; text-align: left; white-space: nowrap; color: #222; cursor: pointer }
</style>
<h1>Where the relay spends its time</h1>
<p>Width is time on the stack, without idle time; what is below was called by what is above. Click to look closer, click the
top to go back. Orange: this relay; blue: packages; green: Node; grey: native code.</p>
<p id="about">&nbsp;</p>
<div id="graph"></div>
<script>
const root = DATA
const graph = document.getElementById('graph')
const about = document.getElementById('about')
const percent = (time) => (100 * time / root.t).toFixed(1) + ' %'
const colour = ({ f }) => f.startsWith('src/') ? '#f6b26b' : f.startsWith('node:') ? '#b6d7a8' : f ? '#9fc5e8' : '#ccc'
function show(path) {
  const top = path[path.length - 1]
  graph.replaceChildren()
  let rows = 0
  const draw = (box, left, width, row, above) => {
    rows = Math.max(rows, row + 1)
    const item = document.createElement('button')
    item.textContent = box.n
    item.title = box.n + ' ' + box.f
    item.style.cssText = 'left:' + left + '%;width:calc(' + width + '% - 1px);top:' + row * 20 + 'px;background:' + colour(box)
    item.onmouseenter = () => { about.textContent = box.n + ' ' + box.f + ': ' + percent(box.t) + ', itself ' + percent(box.s) }
    item.onclick = () => show(box === top ? path.slice(0, Math.max(1, path.length - 1)) : [...above, box])
    graph.append(item)
    let at = left
    for (const child of box.c) {
      const share = width * child.t / box.t
      if (share > 0.08) draw(child, at, share, row + 1, [...above, box])
      at += share
    }
  }
  draw(top, 0, 100, 0, path.slice(0, -1))
  graph.style.height = rows * 20 + 'px'
}
show([root])
</script>
</html>
`

/** A page that shows a call tree as a flame graph, with everything it needs inside. */
export function renderFlameGraph(tree: Frame): string {
  const json = JSON.stringify(boxOf(tree, tree.total * LEAST_SHARE)).replaceAll('<', '\\u003c')
  return PAGE.replace('DATA', () => json)
}
