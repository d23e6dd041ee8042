// One act on one sandbox. Its answer is the row as it is then; the stream tells everybody else.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, must, once } from './api'
import type { Sandbox } from './types'

export type OneAct = { id: string } & ({ act: 'pause' | 'resume' | 'kill' } | { act: 'timeout'; seconds: number })

function send(slug: string, wish: OneAct) {
  const params = { path: { slug, id: wish.id }, header: { 'Idempotency-Key': once() } }
  switch (wish.act) {
    case 'pause':
      return must(api.POST('/v1/projects/{slug}/sandboxes/{id}/pause', { params }))
    case 'resume':
      return must(api.POST('/v1/projects/{slug}/sandboxes/{id}/resume', { params, body: {} }))
    case 'timeout':
      return must(api.POST('/v1/projects/{slug}/sandboxes/{id}/timeout', { params, body: { timeout: wish.seconds } }))
    case 'kill':
      return must(api.DELETE('/v1/projects/{slug}/sandboxes/{id}', { params }))
  }
}

export function useAct(slug: string) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (wish: OneAct) => send(slug, wish) as Promise<Sandbox>,
    onSettled: (_, __, wish) => {
      for (const kind of ['sandbox', 'events', 'logs'])
        void queries.invalidateQueries({ queryKey: [kind, slug, wish.id] })
    },
  })
}
