// A file of the API, a click away; its no stands beside it.
import { useMutation } from '@tanstack/react-query'
import { asFail } from '../live/fail'
import { save } from '../live/save'
import { Button } from './Button'
import { DenialCard } from './DenialCard'
import { Dialog } from './Dialog'

export function SaveButton({
  path,
  name,
  text,
  quiet = false,
}: {
  path: string
  name: string
  text: string
  quiet?: boolean
}) {
  const act = useMutation({ mutationFn: () => save(path, name) })
  return (
    <>
      <Button kind={quiet ? 'quiet' : 'plain'} isPending={act.isPending} onPress={() => act.mutate()}>
        {text}
      </Button>
      {act.error === null ? null : (
        <Dialog title={text} open onClose={act.reset}>
          <DenialCard fail={asFail(act.error)} onRetry={() => act.mutate()} />
        </Dialog>
      )}
    </>
  )
}
