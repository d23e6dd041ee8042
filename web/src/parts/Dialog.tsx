import type { ReactNode } from 'react'
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components'
import css from './parts.module.css'

type Props = {
  title: string
  open: boolean
  onClose: () => void
  /** high on the page: what is typed into */
  top?: boolean
  alert?: boolean
  /** it can be closed by Esc and outside it */
  easy?: boolean
  hideTitle?: boolean
  children: ReactNode
}

export function Dialog({
  title,
  open,
  onClose,
  top = false,
  alert = false,
  easy = true,
  hideTitle = false,
  children,
}: Props) {
  return (
    <ModalOverlay
      isOpen={open}
      onOpenChange={(now) => (now ? null : onClose())}
      isDismissable={easy}
      isKeyboardDismissDisabled={!easy}
      className={`${css.veil} ${top ? css.top : ''}`}
    >
      <Modal className={css.modal ?? ''}>
        <AriaDialog className={css.dialog ?? ''} role={alert ? 'alertdialog' : 'dialog'}>
          <Heading slot="title" className={hideTitle ? (css.hidden ?? '') : ''}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  )
}
