// A field that filters: what is typed counts a moment after the last key, and what the address says stands in it.
import { useEffect, useState } from 'react'
import parts from './parts.module.css'

const TYPED_MS = 400

export function FilterField({
  label,
  value,
  put,
  type = 'search',
  hint = '',
}: {
  label: string
  value: string
  put: (value: string) => void
  type?: 'search' | 'date'
  hint?: string
}) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => put(text.trim()), TYPED_MS)
    return () => clearTimeout(timer)
  })
  return (
    <label className={parts.field}>
      <span className={parts.label}>{label}</span>
      <input
        type={type}
        className={parts.input}
        value={text}
        placeholder={hint}
        spellCheck={false}
        autoComplete="off"
        onChange={(e) => setText(e.target.value)}
      />
    </label>
  )
}
