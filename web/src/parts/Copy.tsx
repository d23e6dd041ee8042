import { useEffect, useState } from 'react'
import { words } from '../words'
import { Button } from './Button'
import { Icon } from './Icon'

/** Works where the page is not a secure context, too: there is no clipboard, and an old way that still is. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  area.setAttribute('readonly', '')
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export function Copy({ text, label, onlyIcon = false }: { text: string; label?: string; onlyIcon?: boolean }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 2000)
    return () => clearTimeout(timer)
  }, [done])
  const said = done ? words.copied : (label ?? words.copy)
  return (
    <Button
      kind={onlyIcon ? 'quiet' : 'plain'}
      icon={onlyIcon}
      aria-label={said}
      onPress={() => void copyText(text).then(() => setDone(true))}
    >
      <Icon name="copy" />
      {onlyIcon ? null : said}
    </Button>
  )
}
