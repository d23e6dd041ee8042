// Ctrl-K: pages, sandboxes by a part of their id or by words of their metadata, projects, the theme.
import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useId, useState } from 'react'
import { useLocation } from 'wouter'
import { EMPTY } from '../live/filter'
import { sandboxes } from '../live/queries'
import { Dialog } from '../parts/Dialog'
import parts from '../parts/parts.module.css'
import { StateWord } from '../parts/StateWord'
import { words } from '../words'
import { places } from './nav'
import css from './Palette.module.css'
import { choose } from './prefs'
import { useProject } from './project'
import { to } from './routes'

type Hit = { id: string; text: string; more?: React.ReactNode; act: () => void }

export function Palette({ open, setOpen }: { open: boolean; setOpen: (now: boolean) => void }) {
  return (
    <Dialog title={words.palette.title} open={open} onClose={() => setOpen(false)} top hideTitle>
      <Finder close={() => setOpen(false)} />
    </Dialog>
  )
}

function useHits(text: string): Hit[] {
  const project = useProject()
  const { slug, me } = project
  const [, navigate] = useLocation()
  const asked = useDeferredValue(text.trim())
  const found = useQuery({
    queryKey: ['find', slug, asked],
    queryFn: ({ signal }) => sandboxes(slug, { ...EMPTY, q: asked }, null, false, signal),
    enabled: asked.length > 1,
  })
  const fits = (what: string) => what.toLowerCase().includes(text.trim().toLowerCase())
  const fixed: Hit[] = [
    ...places(project).map((place) => ({
      id: place.id,
      text: place.text,
      act: () => (place.outside === true ? location.assign(place.href) : navigate(place.href)),
    })),
    ...(me.projects ?? [])
      .filter((p) => p.slug !== slug)
      .map((p) => ({
        id: `project-${p.slug}`,
        text: words.palette.projectOf(p.name ?? ''),
        act: () => navigate(to.overview(p.slug ?? '')),
      })),
    ...(['system', 'light', 'dark'] as const).map((theme) => ({
      id: `theme-${theme}`,
      text: words.palette.themeOf(words.top.themes[theme]),
      act: () => choose({ theme }),
    })),
  ].filter((hit) => fits(hit.text))
  const boxes: Hit[] = (asked.length > 1 ? (found.data?.rows ?? []) : []).slice(0, 8).map((row) => ({
    id: row.id,
    text: row.id,
    more: <StateWord state={row.state} whose={row.whose} />,
    act: () => navigate(to.sandbox(slug, row.id)),
  }))
  const all: Hit[] =
    asked.length > 1 && boxes.length === 8
      ? [
          {
            id: 'all',
            text: words.palette.searchFor(asked),
            act: () => navigate(to.sandboxes(slug, `?q=${encodeURIComponent(asked)}`)),
          },
        ]
      : []
  return [...boxes, ...all, ...fixed]
}

function Finder({ close }: { close: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useId()
  const hits = useHits(text)
  const here = Math.min(at, hits.length - 1)
  const take = (hit: Hit | undefined) => {
    if (hit === undefined) return
    close()
    hit.act()
  }
  return (
    <>
      <input
        className={`${parts.input} ${css.input}`}
        // biome-ignore lint/a11y/noAutofocus: the dialog was opened to type into it
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={hits[here] === undefined ? undefined : `${list}-${here}`}
        aria-label={words.palette.title}
        placeholder={words.palette.hint}
        value={text}
        spellCheck={false}
        onChange={(e) => {
          setText(e.target.value)
          setAt(0)
        }}
        onKeyDown={(e) => {
          if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
            e.preventDefault()
            setAt((here + (e.key === 'ArrowDown' ? 1 : hits.length - 1)) % Math.max(1, hits.length))
          } else if (e.key === 'Enter') {
            e.preventDefault()
            take(hits[here])
          }
        }}
      />
      <div role="listbox" id={list} aria-label={words.palette.title} className={css.hits}>
        {hits.map((hit, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: keys are the input's
          <div
            key={hit.id}
            role="option"
            id={`${list}-${i}`}
            aria-selected={i === here}
            className={css.hit}
            onClick={() => take(hit)}
            onMouseMove={() => setAt(i)}
          >
            <span className={hit.more === undefined ? '' : parts.mono}>{hit.text}</span>
            {hit.more}
          </div>
        ))}
      </div>
      {hits.length === 0 ? <p className={parts.dim}>{words.palette.none}</p> : null}
    </>
  )
}
