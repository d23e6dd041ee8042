// Where one can go: a column beside the page, on a telephone a bar below it with what is gone to most, and the rest behind a button.
import { Header, Menu, MenuItem, MenuSection, MenuTrigger, Popover } from 'react-aria-components'
import { Link, useLocation } from 'wouter'
import { Button } from '../parts/Button'
import { Icon } from '../parts/Icon'
import parts from '../parts/parts.module.css'
import { words } from '../words'
import { isHere, type Place, type Section } from './nav'
import css from './Shell.module.css'

const IN_A_TAB = { target: '_blank', rel: 'noreferrer' }

export function Navigation({ all, sections }: { all: readonly Place[]; sections: readonly Section[] }) {
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
      {sections.map(({ id, title }) => (
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
            {sections.map(({ id, title }) => (
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
