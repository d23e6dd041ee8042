// The door of operators: address, password and second factor; the first time a password of one's own and an app, too.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { routes } from '../../../app/routes'
import { api, must, opsSession } from '../../../live/api'
import type { SignedIn } from '../../../live/types'
import { Button } from '../../../parts/Button'
import { Copy } from '../../../parts/Copy'
import { Field } from '../../../parts/Field'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { ops } from '../../../words/ops'
import { Ask, NewPassword, SignInForm, said } from '../../sign/forms'
import { Box } from '../../sign/Sign'
import css from './enter.module.css'

const w = ops.enter

/** What is known of who one is, and all else, is asked for anew. */
export function useAnew(): () => void {
  const queries = useQueryClient()
  return () => {
    opsSession.set(false)
    void queries.invalidateQueries({ queryKey: ['ops'] })
  }
}

export function Enter() {
  const anew = useAnew()
  return (
    <Box title={w.title} foot={<Link href={routes.signIn}>{w.customers}</Link>}>
      <SignInForm operator done={anew} />
    </Box>
  )
}

/** Before it is through, the service answers nothing else. */
export function FirstTime({ me }: { me: SignedIn }) {
  return me.must_change_password === true ? <OwnPassword /> : <SecondFactor />
}

function OwnPassword() {
  const anew = useAnew()
  const act = useMutation({
    mutationFn: (v: Record<string, string>) =>
      must(api.POST('/v1/ops/auth/password', { body: { old: v.old ?? '', new: v.password ?? '' } })),
    onSuccess: anew,
  })
  return (
    <Box title={w.password} foot={w.step(1)}>
      <p>{w.passwordWhy}</p>
      <Ask go={w.passwordGo} send={act.mutate} pending={act.isPending} fail={said(act.error)}>
        <Field name="old" label={w.oneTime} type="password" autoComplete="current-password" isRequired autoFocus />
        <NewPassword label={words.sign.passwordNew} />
      </Ask>
    </Box>
  )
}

function SecondFactor() {
  const anew = useAnew()
  const [codes, setCodes] = useState<readonly string[] | null>(null)
  const begin = useMutation({
    mutationFn: (v: Record<string, string>) =>
      must(api.POST('/v1/ops/auth/totp', { body: { password: v.password ?? '' } })),
  })
  const confirm = useMutation({
    mutationFn: (v: Record<string, string>) =>
      must(api.POST('/v1/ops/auth/totp/confirm', { body: { code: (v.code ?? '').replace(/\s/g, '') } })),
    onSuccess: (answer) => setCodes(answer.recovery_codes),
  })
  if (codes !== null) {
    return (
      <Box title={w.codes}>
        <p>{w.codesWhy}</p>
        <pre className={`${parts.secret} ${css.codes}`}>{codes.join('\n')}</pre>
        <Copy text={codes.join('\n')} />
        <Button kind="primary" wide onPress={anew}>
          {w.codesGo}
        </Button>
      </Box>
    )
  }
  const secret = begin.data?.secret
  if (secret === undefined) {
    return (
      <Box title={w.second} foot={w.step(2)}>
        <p>{w.secondWhy}</p>
        <Ask go={w.secondGo} send={begin.mutate} pending={begin.isPending} fail={said(begin.error)}>
          <Field
            name="password"
            label={words.sign.password}
            type="password"
            autoComplete="current-password"
            isRequired
            autoFocus
          />
        </Ask>
      </Box>
    )
  }
  const { uri } = begin.data ?? {}
  return (
    <Box title={w.second} foot={w.step(2)}>
      <p>{w.secretWhy}</p>
      <p className={parts.secret} data-secret={secret}>
        {secret.match(/.{1,4}/g)?.join(' ')}
      </p>
      <div className={parts.row}>
        <Copy text={secret} />
        {uri?.startsWith('otpauth://') === true ? <a href={uri}>{w.secretOpen}</a> : null}
      </div>
      <Ask go={w.confirmGo} send={confirm.mutate} pending={confirm.isPending} fail={said(confirm.error)}>
        <Field
          name="code"
          label={words.sign.code}
          inputMode="numeric"
          autoComplete="one-time-code"
          isRequired
          autoFocus
          mono
        />
      </Ask>
    </Box>
  )
}
