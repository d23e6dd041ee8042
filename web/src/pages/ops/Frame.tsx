// The frame of every page of operators: where one is, whether the service answers, who one is.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useRef } from 'react'
import { Link, useLocation } from 'wouter'
import { Navigation } from '../../app/Navigation'
import { usePrefs } from '../../app/prefs'
import { to } from '../../app/routes'
import css from '../../app/Shell.module.css'
import { UserMenu } from '../../app/UserMenu'
import { api, opsSession } from '../../live/api'
import { AWAY_BAR, useAway } from '../../live/away'
import { forgetDrafts } from '../../live/useDraft'
import { Icon, Mark } from '../../parts/Icon'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { clock } from '../../words/format'
import { ops } from '../../words/ops'
import own from './Frame.module.css'
import { PLACES, SECTIONS, useOps } from './ops'

export function Frame({ heardAt, children }: { heardAt: number; children: ReactNode }) {
  const { me } = useOps()
  const away = useAway()
  const prefs = usePrefs()
  const leave = useMutation({
    mutationFn: (everywhere: boolean) =>
      api.POST(everywhere ? '/v1/ops/auth/sign-out-everywhere' : '/v1/ops/auth/sign-out'),
    onSettled: () => {
      forgetDrafts()
      location.assign('/console/ops')
    },
  })
  const heard = heardAt === 0 ? null : clock(new Date(heardAt).toISOString(), prefs)
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#main">
        {words.skip}
      </a>
      <header className={css.top}>
        <Link href={to.opsHealth} className={css.home} aria-label={ops.name}>
          <Mark awake />
          <span>{words.name.toLowerCase()}</span>
        </Link>
        <span className={`${parts.tag} ${own.mark}`}>{ops.mark}</span>
        <Find />
        <span className={css.live}>
          <span className={css.dot} data-status={away ? 'away' : 'live'} aria-hidden="true" />
          <span className={own.heard}>{away ? words.top.away(heard) : ops.asked}</span>
        </span>
        <UserMenu name={me.name ?? ''} email={me.email ?? ''} leave={leave.mutate} />
      </header>
      <Navigation all={PLACES} sections={SECTIONS} />
      <main className={css.main} id="main" tabIndex={-1}>
        <div className={css.content}>
          {window.isSecureContext ? null : <p className={css.bar}>{words.notEncrypted}</p>}
          {away && !opsSession.out ? (
            <p className={css.bar} id={AWAY_BAR} role="status">
              {words.top.awayBar}
            </p>
          ) : null}
          {children}
        </div>
      </main>
    </div>
  )
}

/** The id of a sandbox as a log has it, or whatever a tenant is known by. */
function Find() {
  const [, navigate] = useLocation()
  const input = useRef<HTMLInputElement>(null)
  const go = (event: FormEvent) => {
    event.preventDefault()
    const text = input.current?.value.trim() ?? ''
    if (text === '') return
    const box = /^i[0-9a-z]{4,20}$/.test(text)
    navigate(box ? to.opsSandboxes(`?id=${encodeURIComponent(text)}`) : to.opsTenants(`?q=${encodeURIComponent(text)}`))
    if (input.current !== null) input.current.value = ''
  }
  return (
    <form className={`${css.find} ${own.find}`} onSubmit={go}>
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        placeholder={ops.find}
        aria-label={ops.find}
        spellCheck={false}
        autoComplete="off"
      />
    </form>
  )
}
