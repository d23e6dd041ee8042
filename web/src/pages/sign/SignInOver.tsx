import { Dialog } from '../../parts/Dialog'
import { words } from '../../words'
import { SignInForm } from './forms'

/** The session ended while a page was looked at: one signs in over it, and goes on where one was. */
export default function SignInOver({
  email,
  operator = false,
  done,
}: {
  email: string
  operator?: boolean
  done: () => void
}) {
  return (
    <Dialog title={words.sign.again} open easy={false} onClose={() => undefined}>
      <p>{words.sign.againWhy}</p>
      <SignInForm email={email} operator={operator} done={done} />
    </Dialog>
  )
}
