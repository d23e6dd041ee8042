// The frame of every page of a project: where one is, what lives, who one is.
import { useMutation } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { Header, Menu, MenuItem, MenuSection, MenuTrigger, Popover } from 'react-aria-components'
import { Link, useLocation } from 'wouter'
import { api, session } from '../live/api'
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
import { isHere, type Place, places, SECTIONS } from './nav'
import { Palette } from './Palette'
import { choose, usePrefs } from './prefs'
import { useProject } from './project'
import { to } from './routes'
import css from './Shell.module.css'
import { Shortcuts } from './Shortcuts'

const IN_A_TAB = { target: '_blank', rel: 'noreferrer' }

export function Shell({ children }: { children: ReactNode }) {
  const project = useProject()
  const { live, status } = useLive()
  const [finding, setFinding] = useState(false)
  const runs = (live.counts?.running ?? 0) > 0
  const prefs = usePrefs()
  const look = project.me.impersonation

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
        <UserMenu />
      </header>
      <Nav />
      <main className={css.main} id="main" tabIndex={-1}>
        <div className={css.content}>
          {look == null ? null : (
            <p className={css.bar}>{words.top.look(look.who ?? '', look.why ?? '', clock(look.until ?? '', prefs))}</p>
          )}
          {window.isSecureContext ? null : <p className={css.bar}>{words.notEncrypted}</p>}
          {status === 'away' && !session.out ? (
            <p className={css.bar} role="status">
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

function Nav() {
  const all = places(useProject())
  const [path, navigate] = useLocation()
  const link = (place: Place) => {
    const inside = (
      <>
        <Icon name={place.icon} />
        {place.text}
      </>
    )
    const name = place.bar === true ? undefined : css.wideOnly
    return place.outside === true ? (
      <a key={place.id} href={place.href} className={name} {...(place.id === 'docs' ? IN_A_TAB : {})}>
        {inside}
      </a>
    ) : (
      <Link key={place.id} href={place.href} className={name} aria-current={isHere(place, path) ? 'page' : undefined}>
        {inside}
      </Link>
    )
  }
  return (
    <nav className={css.nav} aria-label={words.nav.main}>
      {SECTIONS.map(({ id, title }) => (
        <div key={id} className={css.section}>
          {title === '' ? null : <span className={`${css.sectionTitle} ${css.wideOnly}`}>{title}</span>}
          {all.filter((place) => place.section === id).map(link)}
        </div>
      ))}
      <MenuTrigger>
        <Button kind="quiet" aria-label={words.nav.more} className={css.moreNav ?? ''}>
          <Icon name="dots" />
          {words.nav.more}
        </Button>
        <Popover placement="top end">
          <Menu
            className={parts.menu ?? ''}
            aria-label={words.nav.more}
            onAction={(id) => {
              const place = all.find((one) => one.id === id)
              if (place?.outside === true) location.assign(place.href)
              else if (place !== undefined) navigate(place.href)
            }}
          >
            {SECTIONS.map(({ id, title }) => (
              <MenuSection key={id} aria-label={title === '' ? words.nav.main : title}>
                {title === '' ? null : <Header className={parts.section ?? ''}>{title}</Header>}
                {all
                  .filter((place) => place.section === id && place.bar !== true)
                  .map((place) => (
                    <MenuItem key={place.id} id={place.id} className={parts.item ?? ''}>
                      {place.text}
                    </MenuItem>
                  ))}
              </MenuSection>
            ))}
          </Menu>
        </Popover>
      </MenuTrigger>
    </nav>
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

function UserMenu() {
  const { me } = useProject()
  const prefs = usePrefs()
  const leave = useMutation({
    mutationFn: (everywhere: boolean) => api.POST(everywhere ? '/v1/auth/sign-out-everywhere' : '/v1/auth/sign-out'),
    onSettled: () => {
      forgetDrafts()
      location.assign('/console/sign-in')
    },
  })
  return (
    <MenuTrigger>
      <Button kind="quiet" icon aria-label={`${words.top.user}: ${me.user?.name ?? me.user?.email ?? ''}`}>
        <Icon name="user" />
      </Button>
      <Popover placement="bottom end">
        <Menu className={parts.menu ?? ''} aria-label={words.top.user}>
          <MenuSection>
            <Header className={parts.section ?? ''}>{me.user?.email}</Header>
            <MenuItem id="out" className={parts.item ?? ''} onAction={() => leave.mutate(false)}>
              {words.top.signOut}
            </MenuItem>
            <MenuItem id="everywhere" className={parts.item ?? ''} onAction={() => leave.mutate(true)}>
              {words.top.signOutEverywhere}
            </MenuItem>
          </MenuSection>
          <MenuSection
            selectionMode="single"
            selectedKeys={[prefs.theme]}
            onSelectionChange={(keys) => {
              const [theme] = keys
              if (theme === 'system' || theme === 'light' || theme === 'dark') choose({ theme })
            }}
          >
            <Header className={parts.section ?? ''}>{words.top.theme}</Header>
            {(['system', 'light', 'dark'] as const).map((theme) => (
              <MenuItem key={theme} id={theme} className={parts.item ?? ''}>
                {words.top.themes[theme]}
              </MenuItem>
            ))}
          </MenuSection>
          <MenuSection
            selectionMode="single"
            selectedKeys={[prefs.utc ? 'utc' : 'local']}
            onSelectionChange={(keys) => choose({ utc: [...keys][0] === 'utc' })}
          >
            <Header className={parts.section ?? ''}>{words.top.time}</Header>
            {(['local', 'utc'] as const).map((time) => (
              <MenuItem key={time} id={time} className={parts.item ?? ''}>
                {words.top.times[time]}
              </MenuItem>
            ))}
          </MenuSection>
          <MenuSection
            selectionMode="single"
            selectedKeys={[prefs.keys ? 'on' : 'off']}
            onSelectionChange={(keys) => choose({ keys: [...keys][0] === 'on' })}
          >
            <Header className={parts.section ?? ''}>{words.top.keys}</Header>
            <MenuItem id="on" className={parts.item ?? ''}>
              {words.top.keysOn}
            </MenuItem>
            <MenuItem id="off" className={parts.item ?? ''}>
              {words.top.keysOff}
            </MenuItem>
          </MenuSection>
        </Menu>
      </Popover>
    </MenuTrigger>
  )
}
