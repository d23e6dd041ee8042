import { Button as Aria, type ButtonProps } from 'react-aria-components'
import { AWAY_BAR, useAway } from '../live/away'
import css from './parts.module.css'

type Kind = 'plain' | 'primary' | 'danger' | 'quiet' | 'quietDanger'
type Props = Omit<ButtonProps, 'className'> & {
  kind?: Kind
  wide?: boolean
  icon?: boolean
  className?: string
  /** it changes something at the service: it waits while that is away */
  acts?: boolean
}

/** A button. What a person may not do is shown disabled, with the reason in words beside it, never hidden. */
export function Button({
  kind = 'plain',
  wide = false,
  icon = false,
  className = '',
  isPending = false,
  isDisabled = false,
  acts = false,
  ...rest
}: Props) {
  const away = useAway() && acts
  const names = [css.button, kind === 'plain' ? '' : css[kind], wide ? css.wide : '', icon ? css.icon : '', className]
  // React Aria's own pending puts an image without a name into it
  return (
    <Aria
      {...rest}
      {...(away ? { 'aria-describedby': AWAY_BAR } : {})}
      isDisabled={isDisabled || isPending || away}
      className={names.filter(Boolean).join(' ')}
    />
  )
}
