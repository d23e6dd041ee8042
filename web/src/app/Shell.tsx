// The frame of every page of a project: where one is, what lives, who one is.
import { useMutation } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { Menu, MenuItem, MenuTrigger, Popover } from 'react-aria-components'
import { Link, useLocation } from 'wouter'
import { api, session } from '../live/api'
import { AWAY_BAR, useAway } from '../live/away'
import { forgetDrafts } from '../live/useDraft'
import { useLive } from '../live/useLive'
import { Button } from '../parts/Button'
import { Icon, Mark } from '../parts/Icon'
import parts from '../parts/parts.module.css'
import { useNow } from '../parts/useNow'
import { words } from '../words'
import { clock } from '../words/format'
import asleep from './asleep.svg'
import awake from './awake.svg'
import { LookBar } from './LookBar'
import { Navigation } from './Navigation'
import { places, SECTIONS } from './nav'
import { Palette } from './Palette'
import { usePrefs } from './prefs'
import { useProject } from './project'
import { to } from './routes'
import css from './Shell.module.css'
import { Shortcuts } from './Shortcuts'
import { UserMenu } from './UserMenu'

export function Shell({ children }: { children: ReactNode }) {
  const project = useProject()
  const { live } = useLive()
  const away = useAway()
  const [finding, setFinding] = useState(false)
  const runs = (live.counts?.running ?? 0) > 0
  const { user, impersonation: look } = project.me
  const leave = useMutation({
    mutationFn: (everywhere: boolean) => api.POST(everywhere ? '/v1/auth/sign-out-everywhere' : '/v1/auth/sign-out'),
    onSettled: () => {
      forgetDrafts()
      location.assign('/console/sign-in')
    },
  })

  useEffect(() => {
    const icon = document.getElementById('icon')
    if (icon instanceof HTMLLinkElement) icon.href = runs ? awake : asleep
  }, [runs])

  return (
    <div className={`${css.frame} ${look == null ? '' : css.look}`}>
      <a className={css.skip} href="#main">
        {words.skip}
      </a>
      <header className={css.top}>
        <Link href={to.overview(project.slug)} className={css.home} aria-label={words.name}>
          <Mark awake={runs} />
          <span>{words.name.toLowerCase()}</span>
        </Link>
        <ProjectMenu />
        <button
          type="button"
          className={css.find}
          onClick={() => setFinding(true)}
          aria-label={words.palette.title}
          aria-keyshortcuts="Control+K"
        >
          <Icon name="search" />
          <span>{words.top.find}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <LiveWord />
        <UserMenu
          name={user?.name ?? user?.email ?? ''}
          email={user?.email ?? ''}
          leave={look == null ? leave.mutate : null}
        />
      </header>
      <Navigation all={places(project)} sections={SECTIONS} />
      <main className={css.main} id="main" tabIndex={-1}>
        <div className={css.content}>
          {look == null ? null : <LookBar look={look} account={project.account} />}
          {window.isSecureContext ? null : <p className={css.bar}>{words.notEncrypted}</p>}
          {away && !session.out ? (
            <p className={css.bar} id={AWAY_BAR} role="status">
              {words.top.awayBar}
            </p>
          ) : null}
          {children}
        </div>
      </main>
      <Palette open={finding} setOpen={setFinding} />
      <Shortcuts onFind={() => setFinding(true)} />
    </div>
  )
}

function LiveWord() {
  const { status, heardAt } = useLive()
  const prefs = usePrefs()
  const now = useNow()
  const ago = heardAt === null ? null : (now.getTime() - heardAt) / 1000
  const text =
    status === 'live'
      ? `${words.top.live}${ago === null || ago < 20 ? '' : ` ${words.units.ago(ago)}`}`
      : status === 'connecting' || status === 'polling'
        ? words.top[status]
        : words.top.away(heardAt === null ? null : clock(new Date(heardAt).toISOString(), prefs))
  return (
    <span className={css.live}>
      <span className={css.dot} data-status={status} aria-hidden="true" />
      {text}
    </span>
  )
}

function ProjectMenu() {
  const project = useProject()
  const [, navigate] = useLocation()
  const all = project.me.projects ?? []
  return (
    <MenuTrigger>
      <Button kind="quiet" aria-label={`${words.top.project}: ${project.name}`}>
        {project.name}
        <Icon name="down" />
      </Button>
      <Popover>
        <Menu
          className={parts.menu ?? ''}
          selectionMode="single"
          selectedKeys={[project.slug]}
          onAction={(slug) => navigate(to.overview(String(slug)))}
          aria-label={words.top.project}
        >
          {all.map((p) => (
            <MenuItem key={p.slug} id={p.slug ?? ''} className={parts.item ?? ''}>
              {p.name}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  )
}
