// The forms by which somebody shows who he is. Each keeps what was typed, whatever comes of it.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { Form } from 'react-aria-components'
import { api, must } from '../../live/api'
import { asFail, type Fail } from '../../live/fail'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { Field } from '../../parts/Field'
import { words } from '../../words'

type Values = Record<string, string>

/** What all of them are: fields, one act, and the no it met. */
export function Ask({
  go,
  send,
  pending,
  fail,
  children,
}: {
  go: string
  send: (values: Values) => void
  pending: boolean
  fail: Fail | null
  children: ReactNode
}) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const values: Values = {}
    for (const [name, value] of new FormData(event.currentTarget)) if (typeof value === 'string') values[name] = value
    send(values)
  }
  return (
    <Form onSubmit={submit}>
      {children}
      {fail === null ? null : <DenialCard fail={fail} />}
      <Button type="submit" kind="primary" wide isPending={pending}>
        {go}
      </Button>
    </Form>
  )
}

export const said = (error: unknown) => (error === null ? null : asFail(error))

/** Address, password, and the second step where the account asks for one. operator: by the door of operators. */
export function SignInForm({
  email = '',
  operator = false,
  done,
}: {
  email?: string
  operator?: boolean
  done: () => void
}) {
  const [ticket, setTicket] = useState<string | null>(null)
  const [recovery, setRecovery] = useState(false)
  const first = useMutation({
    mutationFn: (v: Values) =>
      must(
        api.POST(operator ? '/v1/ops/auth/sign-in' : '/v1/auth/sign-in', {
          body: { email: (v.email ?? '').trim(), password: v.password ?? '' },
        }),
      ),
    onSuccess: (answer) => (answer.ticket === undefined ? done() : setTicket(answer.ticket)),
  })
  const second = useMutation({
    mutationFn: (v: Values) =>
      must(
        api.POST(operator ? '/v1/ops/auth/second' : '/v1/auth/second', {
          body: {
            ticket: ticket ?? '',
            ...(recovery ? { recovery: (v.code ?? '').trim() } : { code: (v.code ?? '').replace(/\s/g, '') }),
          },
        }),
      ),
    onSuccess: done,
  })
  if (ticket === null) {
    return (
      <Ask go={words.sign.in} send={first.mutate} pending={first.isPending} fail={said(first.error)}>
        <Field
          name="email"
          label={words.sign.email}
          type="email"
          autoComplete="username"
          defaultValue={email}
          isRequired
          autoFocus={email === ''}
        />
        <Field
          name="password"
          label={words.sign.password}
          type="password"
          autoComplete="current-password"
          isRequired
          autoFocus={email !== ''}
        />
      </Ask>
    )
  }
  return (
    <>
      <p>{words.sign.secondWhy}</p>
      <Ask
        key={String(recovery)}
        go={words.sign.in}
        send={second.mutate}
        pending={second.isPending}
        fail={said(second.error)}
      >
        <Field
          name="code"
          label={recovery ? words.sign.recovery : words.sign.code}
          inputMode={recovery ? 'text' : 'numeric'}
          autoComplete="one-time-code"
          isRequired
          autoFocus
          mono
        />
      </Ask>
      <div style={{ display: 'flex', gap: 8 }}>
        <Button kind="quiet" onPress={() => setRecovery(!recovery)}>
          {recovery ? words.sign.useCode : words.sign.useRecovery}
        </Button>
        <Button kind="quiet" onPress={() => setTicket(null)}>
          {words.sign.startOver}
        </Button>
      </div>
    </>
  )
}

/** One that is chosen here; the service holds it to the same. */
export function NewPassword({ label, autoFocus = false }: { label: string; autoFocus?: boolean }) {
  return (
    <Field
      name="password"
      label={label}
      type="password"
      autoComplete="new-password"
      minLength={10}
      maxLength={256}
      hint={words.sign.passwordHint}
      isRequired
      autoFocus={autoFocus}
    />
  )
}

export function SignUpForm({
  invitation,
  email,
  done,
}: {
  invitation?: string
  email?: string
  done: (email: string) => void
}) {
  const act = useMutation({
    mutationFn: (v: Values) =>
      must(
        api.POST('/v1/auth/sign-up', {
          body: {
            email: (v.email ?? '').trim(),
            password: v.password ?? '',
            name: (v.name ?? '').trim(),
            ...(invitation === undefined ? {} : { invitation }),
          },
        }),
      ),
    onSuccess: (_, v) => done((v.email ?? '').trim()),
  })
  return (
    <Ask go={words.sign.up} send={act.mutate} pending={act.isPending} fail={said(act.error)}>
      <Field name="name" label={words.sign.called} autoComplete="name" maxLength={100} isRequired autoFocus />
      <Field
        name="email"
        label={words.sign.email}
        type="email"
        autoComplete="username"
        defaultValue={email ?? ''}
        isReadOnly={email !== undefined}
        isRequired
      />
      <NewPassword label={words.sign.password} />
    </Ask>
  )
}

export function ConfirmForm({ token, done }: { token: string; done: () => void }) {
  const act = useMutation({
    mutationFn: (v: Values) => must(api.POST('/v1/auth/confirm', { body: { token, password: v.password ?? '' } })),
    onSuccess: done,
  })
  return (
    <Ask go={words.sign.confirmGo} send={act.mutate} pending={act.isPending} fail={said(act.error)}>
      <p>{words.sign.confirmWhy}</p>
      <Field
        name="password"
        label={words.sign.password}
        type="password"
        autoComplete="current-password"
        isRequired
        autoFocus
      />
    </Ask>
  )
}

export function ResetForm({ done }: { done: (email: string) => void }) {
  const act = useMutation({
    mutationFn: (v: Values) => must(api.POST('/v1/auth/reset', { body: { email: (v.email ?? '').trim() } })),
    onSuccess: (_, v) => done((v.email ?? '').trim()),
  })
  return (
    <Ask go={words.sign.resetGo} send={act.mutate} pending={act.isPending} fail={said(act.error)}>
      <p>{words.sign.resetWhy}</p>
      <Field name="email" label={words.sign.email} type="email" autoComplete="username" isRequired autoFocus />
    </Ask>
  )
}

export function ResetToForm({ token, done }: { token: string; done: () => void }) {
  const act = useMutation({
    mutationFn: (v: Values) =>
      must(api.POST('/v1/auth/reset/confirm', { body: { token, password: v.password ?? '' } })),
    onSuccess: done,
  })
  return (
    <Ask go={words.sign.resetTo} send={act.mutate} pending={act.isPending} fail={said(act.error)}>
      <NewPassword label={words.sign.passwordNew} autoFocus />
    </Ask>
  )
}
