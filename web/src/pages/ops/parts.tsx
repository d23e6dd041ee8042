// Small things that several pages of operators show alike.
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { to } from '../../app/routes'
import parts from '../../parts/parts.module.css'
import { Glyph, type Look } from '../../parts/StateWord'
import { words } from '../../words'
import { plain } from '../../words/format'

/** Glyph, word and colour, as states have them; nothing of it moves. sentence: it may be longer than its line. */
export function Word({ look, sentence = false, children }: { look: Look; sentence?: boolean; children: ReactNode }) {
  return (
    <span className={`${parts.state} ${parts[look]} ${parts.still} ${sentence ? parts.sentence : ''}`}>
      <Glyph look={look} />
      {children}
    </span>
  )
}

export function TenantLink({ id, name }: { id: string | null; name?: string }) {
  if (id === null) return <>{words.none}</>
  return (
    <Link href={to.opsTenant(id)} className={name === undefined ? parts.mono : ''} title={id}>
      {name === undefined ? id.slice(0, 8) : plain(name)}
    </Link>
  )
}

export function BoxLink({ id }: { id: string | null }) {
  if (id === null) return <>{words.none}</>
  return (
    <Link href={to.opsSandboxes(`?id=${encodeURIComponent(id)}`)} className={parts.mono}>
      {id}
    </Link>
  )
}

export function HostLink({ no, name }: { no: number | null; name: string | null }) {
  if (no === null) return <>{words.none}</>
  return <Link href={to.opsWorker(no)}>{name === null ? String(no) : plain(name)}</Link>
}

/** "operator:ada" is ada; a policy stays one. */
export const whoWord = (who: string | null | undefined): string =>
  who == null ? words.none : plain(who.replace(/^operator:/, '').replace(':', ' '))

export function Section({
  id,
  title,
  act,
  children,
}: {
  id: string
  title: string
  act?: ReactNode
  children: ReactNode
}) {
  return (
    <section className={parts.block} aria-labelledby={id}>
      <div className={parts.head}>
        <h2 id={id}>{title}</h2>
        {act}
      </div>
      {children}
    </section>
  )
}
