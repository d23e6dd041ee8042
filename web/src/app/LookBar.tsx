// An operator looks at this account: who, why, how long still; and the way back to where he came from.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useLocation } from 'wouter'
import { api, must } from '../live/api'
import { look as looking } from '../live/look'
import type { Me } from '../live/types'
import { Button } from '../parts/Button'
import { useNow } from '../parts/useNow'
import { words } from '../words'
import { exact, plain } from '../words/format'
import { to } from './routes'
import css from './Shell.module.css'

export function useLeaveLook(): (account: string) => void {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  return (account) => {
    looking.leave()
    queries.clear()
    navigate(to.opsTenant(account))
  }
}

export function LookBar({ look, account }: { look: NonNullable<Me['impersonation']>; account: string }) {
  const leave = useLeaveLook()
  const now = useNow()
  const end = useMutation({
    mutationFn: () => must(api.DELETE('/v1/ops/impersonation')),
    // it ends by itself where it could not be ended
    onSettled: () => leave(account),
  })
  const left = (Date.parse(look.until ?? '') - now.getTime()) / 1000
  return (
    <p className={`${css.bar} ${css.lookBar}`}>
      <span>{words.top.look(plain(look.who ?? ''), plain(look.why ?? ''), exact(left))}</span>
      <Button isPending={end.isPending} onPress={() => end.mutate()}>
        {words.top.lookEnd}
      </Button>
    </p>
  )
}
