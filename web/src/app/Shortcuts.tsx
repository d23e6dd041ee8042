import { useEffect, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { Dialog } from '../parts/Dialog'
import parts from '../parts/parts.module.css'
import { words } from '../words'
import { useKeys } from './keys'
import { places } from './nav'
import { useProject } from './project'

/** How long after g the second key is waited for. */
const GO_MS = 1500

export function Shortcuts({ onFind }: { onFind: () => void }) {
  const project = useProject()
  const [, navigate] = useLocation()
  const [shown, setShown] = useState(false)
  const gone = useRef(0)
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        onFind()
      }
    }
    document.addEventListener('keydown', hear)
    return () => document.removeEventListener('keydown', hear)
  }, [onFind])
  const after = (where: string) => () => {
    if (Date.now() - gone.current < GO_MS) navigate(where)
    gone.current = 0
  }
  useKeys({
    g: () => {
      gone.current = Date.now()
    },
    ...Object.fromEntries(
      places(project).flatMap(({ key, href }) => (key === undefined ? [] : [[key, after(href)] as const])),
    ),
    '?': () => setShown(true),
  })
  return (
    <Dialog title={words.keys.title} open={shown} onClose={() => setShown(false)}>
      <dl style={{ display: 'grid', gridTemplateColumns: 'max-content 1fr', gap: '8px 16px' }}>
        {words.keys.rows.map(([key, what]) => (
          <div key={key} style={{ display: 'contents' }}>
            <dt className={parts.mono}>{key}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className={parts.hint}>{words.keys.note}</p>
    </Dialog>
  )
}
