// E2B's command line has sent its person here ("e2b auth login"): it waits at a port of this computer for a token. Only there
// does one go, and only after he has said yes; it shows among his access tokens, and ends there or by "e2b auth logout".
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { plain } from '../../words/format'
import { answered, waiting } from './cli'
import { Box } from './Sign'
import css from './sign.module.css'

export default function Cli({ email }: { email: string }) {
  const [asked] = useState(() => new URLSearchParams(location.search))
  const at = waiting(asked.get('next'))
  const version = plain(asked.get('cliVersion') ?? '').slice(0, 32)
  const allow = useMutation({
    mutationFn: () => must(api.POST('/v1/me/access-tokens', { body: { name: words.cli.token(version) } })),
    onSuccess: ({ token }) => at !== null && location.replace(answered(at, { email, token, origin: location.origin })),
  })
  const state = asked.get('state')
  if (state === 'success' || state === 'error') {
    return (
      <Box title={words.cli.title}>
        <p role="status">{state === 'success' ? words.cli.done(email) : words.cli.failed}</p>
        <p className={parts.hint}>{words.cli.back}</p>
      </Box>
    )
  }
  if (at === null) {
    return (
      <Box title={words.cli.title}>
        <p role="alert">{words.cli.nobodyWaits}</p>
      </Box>
    )
  }
  return (
    <Box title={words.cli.title}>
      <p>{words.cli.ask(version, email)}</p>
      <p className={parts.hint}>{words.cli.only}</p>
      {allow.error === null ? null : <DenialCard fail={asFail(allow.error)} />}
      <div className={css.answer}>
        <Button kind="primary" wide isPending={allow.isPending} onPress={() => allow.mutate()}>
          {words.cli.allow}
        </Button>
        <Button wide onPress={() => location.replace(answered(at, { error: 'access_denied' }))}>
          {words.cli.refuse}
        </Button>
      </div>
    </Box>
  )
}
