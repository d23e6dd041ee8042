// What cannot be taken back is asked once: it says what is lost, does it, and keeps its no where it was asked.
import type { ReactNode } from 'react'
import type { Fail } from '../live/fail'
import { words } from '../words'
import { Button } from './Button'
import { DenialCard } from './DenialCard'
import { Dialog } from './Dialog'
import parts from './parts.module.css'

type Props = {
  title: string
  go: string
  pending: boolean
  fail: Fail | null
  /** what has to be typed or chosen first is there */
  sure?: boolean
  onGo: () => void
  onClose: () => void
  children: ReactNode
}

export function Confirm({ title, go, pending, fail, sure = true, onGo, onClose, children }: Props) {
  return (
    <Dialog title={title} open alert onClose={onClose}>
      {children}
      {fail === null ? null : <DenialCard fail={fail} />}
      <div className={`${parts.row} ${parts.end}`}>
        <Button onPress={onClose}>{words.cancel}</Button>
        <Button kind="danger" acts isDisabled={!sure} isPending={pending} onPress={onGo}>
          {go}
        </Button>
      </div>
    </Dialog>
  )
}
