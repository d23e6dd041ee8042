// An operator's act: what it does, why, and the second factor once more where it is about money. Whom it concerns reads the reason.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { Form } from 'react-aria-components'
import { api, must, once } from '../../live/api'
import { useAway } from '../../live/away'
import { asFail } from '../../live/fail'
import { useDraft } from '../../live/useDraft'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { ops } from '../../words/ops'

const w = ops.act

type Props<T> = {
  /** of its draft: the act, and what it is done to */
  name: string
  title: string
  go: string
  danger?: boolean
  /** what is asked for beside the reason is there */
  ready?: boolean
  /** wish: one name for it, however often it is sent until it was answered */
  run: (reason: string, wish: string) => Promise<T>
  done: (answer: T) => void
  close: () => void
  children?: ReactNode
}

export function Act<T>({ name, title, go, danger = false, ready = true, run, done, close, children }: Props<T>) {
  const away = useAway()
  const [reason, setReason, forget] = useDraft(`ops:${name}`)
  const [wish, setWish] = useState(once)
  const act = useMutation({
    mutationFn: () => run(reason.trim(), wish),
    onError: (error) => {
      // a no is an answer: what is sent after it is another wish
      const { status } = asFail(error)
      if (status >= 400 && status < 500) setWish(once())
    },
    onSuccess: (answer) => {
      forget()
      done(answer)
    },
  })
  const fail = act.error === null ? null : asFail(act.error)
  const unproven = fail?.rule === 'proof.needed'
  const submit = (event: FormEvent) => {
    event.preventDefault()
    act.mutate()
  }
  return (
    <Dialog title={title} open alert={danger} onClose={close}>
      <Form onSubmit={submit} className={parts.form ?? ''}>
        {children}
        <Field
          label={w.reason}
          hint={w.reasonHint}
          value={reason}
          onChange={setReason}
          maxLength={500}
          isRequired
          autoComplete="off"
        />
        {fail === null || unproven ? null : <DenialCard fail={fail} />}
        {unproven ? null : (
          <div className={`${parts.row} ${parts.end}`}>
            {away ? <span className={parts.hint}>{words.top.awayAct}</span> : null}
            <Button onPress={close}>{words.cancel}</Button>
            <Button
              type="submit"
              kind={danger ? 'danger' : 'primary'}
              acts
              isDisabled={!ready || reason.trim() === ''}
              isPending={act.isPending}
            >
              {go}
            </Button>
          </div>
        )}
      </Form>
      {unproven ? <Prove again={act.mutate} close={close} /> : null}
    </Dialog>
  )
}

/** The second factor once more; what asked for it is sent again after it. */
export function Prove({ again, close }: { again: () => void; close: () => void }) {
  const [recovery, setRecovery] = useState(false)
  const [code, setCode] = useState('')
  const prove = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/ops/auth/prove', {
          body: recovery ? { recovery: code.trim() } : { code: code.replace(/\s/g, '') },
        }),
      ),
    onSuccess: again,
  })
  return (
    <Form
      className={parts.form ?? ''}
      onSubmit={(event) => {
        event.preventDefault()
        prove.mutate()
      }}
    >
      <p>{w.prove}</p>
      <Field
        key={String(recovery)}
        label={recovery ? words.sign.recovery : words.sign.code}
        value={code}
        onChange={setCode}
        inputMode={recovery ? 'text' : 'numeric'}
        autoComplete="one-time-code"
        isRequired
        autoFocus
        mono
      />
      {prove.error === null ? null : <DenialCard fail={asFail(prove.error)} />}
      <div className={`${parts.row} ${parts.end}`}>
        <Button
          kind="quiet"
          onPress={() => {
            setRecovery(!recovery)
            setCode('')
          }}
        >
          {recovery ? words.sign.useCode : words.sign.useRecovery}
        </Button>
        <Button onPress={close}>{words.cancel}</Button>
        <Button type="submit" kind="primary" isPending={prove.isPending}>
          {w.proveGo}
        </Button>
      </div>
    </Form>
  )
}
