import { type ReactNode, useId } from 'react'
import css from './parts.module.css'

/** One of a few, each a word: the browser's own list, which telephones and readers know best. */
export function Choice<T extends string>({
  label,
  value,
  of,
  onChange,
  disabled = false,
  hideLabel = false,
  hint,
}: {
  label: string
  value: T
  of: readonly { id: T; text: string }[]
  onChange: (now: T) => void
  disabled?: boolean
  hideLabel?: boolean
  hint?: ReactNode
}) {
  const id = useId()
  return (
    <div className={css.field}>
      <label htmlFor={id} className={hideLabel ? css.hidden : css.label}>
        {label}
      </label>
      <select
        id={id}
        className={css.select}
        value={value}
        disabled={disabled}
        onChange={(e) => {
          const found = of.find((one) => one.id === e.target.value)
          if (found !== undefined) onChange(found.id)
        }}
      >
        {of.map((one) => (
          <option key={one.id} value={one.id}>
            {one.text}
          </option>
        ))}
      </select>
      {hint === undefined ? null : <span className={css.hint}>{hint}</span>}
    </div>
  )
}
