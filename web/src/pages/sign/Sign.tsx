// Everything before one is in: sign in, sign up, confirm, a new password, an invitation.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { Link, Route, Switch, useLocation, useParams } from 'wouter'
import { routes } from '../../app/routes'
import { api, must, session } from '../../live/api'
import { asFail } from '../../live/fail'
import { me as meQuery } from '../../live/queries'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { Mark } from '../../parts/Icon'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { plain } from '../../words/format'
import { ConfirmForm, ResetForm, ResetToForm, SignInForm, SignUpForm } from './forms'
import css from './sign.module.css'

/** Where one wanted to go: a path of ours, or the beginning. */
export function wanted(search: string): string {
  const then = new URLSearchParams(search).get('then') ?? ''
  return /^\/(p\/[^/\\]|cli\?)/.test(then) ? then : '/'
}

function useIn() {
  const [, navigate] = useLocation()
  const queries = useQueryClient()
  return () => {
    session.set(false)
    queries.clear()
    navigate(wanted(location.search), { replace: true })
  }
}

export function Box({ title, children, foot }: { title: string; children: ReactNode; foot?: ReactNode }) {
  return (
    <main className={css.page}>
      <div className={css.brand}>
        <Mark size={48} />
        <p>{words.sign.tagline}</p>
      </div>
      <section className={`${parts.card} ${css.box}`}>
        <h1>{title}</h1>
        {children}
      </section>
      {foot === undefined ? null : <div className={css.foot}>{foot}</div>}
      {window.isSecureContext ? null : <p className={parts.error}>{words.notEncrypted}</p>}
    </main>
  )
}

const toSignIn = <Link href={routes.signIn}>{words.sign.in}</Link>

function SignIn() {
  const enter = useIn()
  return (
    <Box
      title={words.sign.in}
      foot={
        <>
          <span>
            {words.sign.noAccount} <Link href={routes.signUp}>{words.sign.up}</Link>
          </span>
          <Link href={routes.reset}>{words.sign.forgotten}</Link>
        </>
      }
    >
      <SignInForm done={enter} />
    </Box>
  )
}

function Letter({ title, email }: { title: string; email: string }) {
  return (
    <Box title={title} foot={toSignIn}>
      <p role="status">{words.sign.sent(email)}</p>
      <p className={parts.hint}>{words.sign.sentLocal}</p>
    </Box>
  )
}

function SignUp() {
  const [sent, setSent] = useState<string | null>(null)
  if (sent !== null) return <Letter title={words.sign.up} email={sent} />
  return (
    <Box
      title={words.sign.up}
      foot={
        <span>
          {words.sign.haveAccount} {toSignIn}
        </span>
      }
    >
      <SignUpForm done={setSent} />
    </Box>
  )
}

function Confirm() {
  const { token = '' } = useParams<{ token: string }>()
  const enter = useIn()
  return (
    <Box title={words.sign.confirm} foot={toSignIn}>
      <ConfirmForm token={token} done={enter} />
    </Box>
  )
}

function Reset() {
  const [sent, setSent] = useState<string | null>(null)
  if (sent !== null) return <Letter title={words.sign.reset} email={sent} />
  return (
    <Box title={words.sign.reset} foot={toSignIn}>
      <ResetForm done={setSent} />
    </Box>
  )
}

function ResetTo() {
  const { token = '' } = useParams<{ token: string }>()
  const [done, setDone] = useState(false)
  const enter = useIn()
  return (
    <Box title={done ? words.sign.in : words.sign.resetTo} foot={done ? undefined : toSignIn}>
      {done ? (
        <>
          <p role="status">{words.sign.resetDone}</p>
          <SignInForm done={enter} />
        </>
      ) : (
        <ResetToForm token={token} done={() => setDone(true)} />
      )}
    </Box>
  )
}

function Invite() {
  const { token = '' } = useParams<{ token: string }>()
  const enter = useIn()
  // who signs up with an invitation has taken it by that
  const [how, setHow] = useState<'in' | 'up' | 'taken'>('in')
  const found = useQuery({
    queryKey: ['invitation', token],
    queryFn: () => must(api.GET('/v1/invitations/{token}', { params: { path: { token } } })),
  })
  const who = useQuery({ ...meQuery(), retry: false })
  const take = useMutation({
    mutationFn: () => must(api.POST('/v1/invitations/{token}/accept', { params: { path: { token } } })),
    onSuccess: enter,
  })
  if (found.error !== null) {
    return (
      <Box title={words.sign.invite} foot={toSignIn}>
        <DenialCard fail={asFail(found.error)} />
      </Box>
    )
  }
  if (found.data === undefined || who.isPending) {
    return (
      <Box title={words.sign.invite}>
        <Bones heights={[20, 40, 40]} />
      </Box>
    )
  }
  const { email = '', role = '', project, account } = found.data
  return (
    <Box title={words.sign.invite}>
      <p>{words.sign.inviteTo(plain(project?.name ?? account?.name ?? ''), role)}</p>
      {who.data?.user ? (
        <>
          {take.error === null ? null : <DenialCard fail={asFail(take.error)} />}
          <Button kind="primary" wide isPending={take.isPending} onPress={() => take.mutate()}>
            {words.sign.acceptAs(who.data.user.email ?? '')}
          </Button>
        </>
      ) : how === 'taken' ? (
        <SignInForm email={email} done={enter} />
      ) : how === 'in' ? (
        <>
          <SignInForm email={email} done={() => take.mutate()} />
          <Button kind="quiet" onPress={() => setHow('up')}>
            {words.sign.inviteUp}
          </Button>
        </>
      ) : (
        <SignUpForm invitation={token} email={email} done={() => setHow('taken')} />
      )}
    </Box>
  )
}

export default function Sign() {
  return (
    <Switch>
      <Route path={routes.signIn} component={SignIn} />
      <Route path={routes.signUp} component={SignUp} />
      <Route path={routes.reset} component={Reset} />
      <Route path={routes.resetTo} component={ResetTo} />
      <Route path={routes.confirm} component={Confirm} />
      <Route path={routes.invite} component={Invite} />
    </Switch>
  )
}
