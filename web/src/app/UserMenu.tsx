// Who one is, and how one wants to see: sign out, theme, time, single keys.
import { Header, Menu, MenuItem, MenuSection, MenuTrigger, Popover } from 'react-aria-components'
import { Button } from '../parts/Button'
import { Icon } from '../parts/Icon'
import parts from '../parts/parts.module.css'
import { words } from '../words'
import { plain } from '../words/format'
import { choose, usePrefs } from './prefs'

/** leave: null where nobody can sign out, because he looks as somebody else. */
export function UserMenu({
  name,
  email,
  leave,
}: {
  name: string
  email: string
  leave: ((everywhere: boolean) => void) | null
}) {
  const prefs = usePrefs()
  return (
    <MenuTrigger>
      <Button kind="quiet" icon aria-label={`${words.top.user}: ${plain(name)}`}>
        <Icon name="user" />
      </Button>
      <Popover placement="bottom end">
        <Menu className={parts.menu ?? ''} aria-label={words.top.user}>
          {leave === null ? null : (
            <MenuSection>
              <Header className={parts.section ?? ''}>{plain(email)}</Header>
              <MenuItem id="out" className={parts.item ?? ''} onAction={() => leave(false)}>
                {words.top.signOut}
              </MenuItem>
              <MenuItem id="everywhere" className={parts.item ?? ''} onAction={() => leave(true)}>
                {words.top.signOutEverywhere}
              </MenuItem>
            </MenuSection>
          )}
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
