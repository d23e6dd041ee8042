// A shell in the sandbox. Its screen outlives a broken connection and a nap, which stands on it as a line.
import { FitAddon } from '@xterm/addon-fit'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal as Screen } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { useEffect, useRef, useState } from 'react'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { Inside } from '../../live/inside'
import type { Sandbox } from '../../live/types'
import { Button } from '../../parts/Button'
import { Dialog } from '../../parts/Dialog'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { clock, plain } from '../../words/format'
import { inside } from '../../words/inside'
import css from './Inside.module.css'
import { MOST_PASTED, Shell, type ShellState } from './shell'

const w = inside.terminal
const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
/** light-dark() is the browser's to resolve, not the screen's */
function resolved(name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const out = getComputedStyle(probe).color
  probe.remove()
  return out
}

const colours = () => ({
  background: resolved('--sunken'),
  foreground: resolved('--ink'),
  cursor: resolved('--accent'),
  selectionBackground: resolved('--selected'),
})

/** Calls when the page is of another theme, by the person's choice or the system's. */
function watchTheme(changed: () => void): () => void {
  const root = new MutationObserver(changed)
  root.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  const system = matchMedia('(prefers-color-scheme: dark)')
  system.addEventListener('change', changed)
  return () => {
    root.disconnect()
    system.removeEventListener('change', changed)
  }
}

export default function Terminal({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const prefs = usePrefs()
  const at = useRef<HTMLDivElement>(null)
  const screen = useRef<Screen | null>(null)
  const shell = useRef<Shell | null>(null)
  const slept = useRef<string | null>(null)
  const [state, setState] = useState<{ at: ShellState; code: number | null }>({ at: 'connecting', code: null })
  const [link, setLink] = useState<string | null>(null)
  const [pasted, setPasted] = useState(false)
  const running = box.state === 'running'

  useEffect(() => {
    const element = at.current
    if (element === null) return
    const term = new Screen({
      fontFamily: colour('--mono'),
      fontSize: 13,
      scrollback: 10_000,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      theme: colours(),
      minimumContrastRatio: 4.5,
      // what a program in it says is a link opens only after it was read in full; other schemes not at all
      linkHandler: { activate: (_, uri) => (/^https?:\/\//.test(uri) ? setLink(uri) : undefined) },
    })
    const fit = new FitAddon()
    term.loadAddon(fit)
    term.loadAddon(new WebLinksAddon((_, uri) => setLink(uri)))
    term.open(element)
    fit.fit()
    const mine = new Shell(
      new Inside(slug, box.id),
      box.id,
      { cols: term.cols, rows: term.rows },
      {
        output: (bytes) => new Promise((done) => term.write(bytes, done)),
        state: (now, code) => setState({ at: now, code }),
      },
    )
    const encoder = new TextEncoder()
    term.onData((text) => {
      const bytes = encoder.encode(text)
      setPasted(bytes.length > MOST_PASTED)
      if (bytes.length <= MOST_PASTED) mine.send(bytes)
    })
    term.onResize((size) => mine.resize(size))
    const watch = new ResizeObserver(() => fit.fit())
    watch.observe(element)
    const unwatch = watchTheme(() => {
      term.options.theme = colours()
    })
    screen.current = term
    shell.current = mine
    return () => {
      watch.disconnect()
      unwatch()
      mine.close()
      term.dispose()
    }
  }, [slug, box.id])

  const zone = useRef(prefs)
  zone.current = prefs
  useEffect(() => {
    const term = screen.current
    if (!running) {
      if (box.state === 'paused') slept.current = box.paused_at ?? new Date().toISOString()
      shell.current?.rest()
      return
    }
    if (slept.current !== null) {
      const nap = w.slept(clock(slept.current, zone.current), clock(new Date().toISOString(), zone.current))
      term?.write(`\r\n\x1b[2m-- ${nap} --\x1b[0m\r\n`)
      slept.current = null
    }
    shell.current?.start()
    term?.focus()
  }, [running, box.state, box.paused_at])

  return (
    <section className={`${parts.card} ${css.terminal}`} aria-label={w.label}>
      <div className={css.bar} role="status">
        {!running
          ? ''
          : state.at === 'over'
            ? w.over(state.code === null ? '' : ` (${state.code})`)
            : state.at === 'lost'
              ? w.lost
              : w[state.at]}
        {state.at === 'over' && running ? (
          <Button kind="quiet" onPress={() => shell.current?.start()}>
            {w.anew}
          </Button>
        ) : null}
        {pasted ? <span className={parts.error}>{w.tooLarge}</span> : null}
      </div>
      <div ref={at} className={css.screen} />
      <Dialog title={w.link} open={link !== null} onClose={() => setLink(null)}>
        <p>{w.linkWhy}</p>
        <code className={parts.secret}>{plain(link ?? '')}</code>
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={() => setLink(null)}>{words.cancel}</Button>
          <Button
            kind="primary"
            onPress={() => {
              window.open(link ?? '', '_blank', 'noopener,noreferrer')
              setLink(null)
            }}
          >
            {w.open}
          </Button>
        </div>
      </Dialog>
    </section>
  )
}
