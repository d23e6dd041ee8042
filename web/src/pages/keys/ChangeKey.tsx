// Another name of a key, or another end. What it may do stays as it was made.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Form } from 'react-aria-components'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Key } from '../../live/types'
import { useDraft } from '../../live/useDraft'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { clock, plain } from '../../words/format'
import { project } from '../../words/project'
import { type Ending, endAt, endings } from './NewKey'

const w = project.keys

export function ChangeKey({ of, close }: { of: Key; close: () => void }) {
  const { slug } = useProject()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [name, setName, forget] = useDraft(`key-name:${of.id}`, of.name)
  const [ending, setEnding] = useState<Ending | 'stays'>('stays')
  const act = useMutation({
    mutationFn: () =>
      must(
        api.PATCH('/v1/projects/{slug}/keys/{id}', {
          params: { path: { slug, id: of.id } },
          body: { name: name.trim(), ...(ending === 'stays' ? {} : { expires_at: endAt(ending, new Date()) }) },
        }),
      ),
    onSuccess: () => {
      forget()
      void queries.invalidateQueries({ queryKey: ['keys', slug] })
      close()
    },
  })
  const leave = () => {
    forget()
    close()
  }
  return (
    <Dialog title={w.changeTitle(plain(of.name))} open onClose={leave}>
      <Form
        className={parts.form ?? ''}
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate()
        }}
      >
        <Field label={w.name} value={name} onChange={setName} maxLength={100} isRequired autoFocus autoComplete="off" />
        <Choice<Ending | 'stays'>
          label={w.ends}
          value={ending}
          of={[
            {
              id: 'stays',
              text: `${w.stays}: ${of.expires_at === null ? words.never : clock(of.expires_at, prefs)}`,
            },
            ...endings,
          ]}
          onChange={setEnding}
        />
        {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={leave}>{words.cancel}</Button>
          <Button type="submit" kind="primary" acts isPending={act.isPending} isDisabled={name.trim() === ''}>
            {w.save}
          </Button>
        </div>
      </Form>
    </Dialog>
  )
}
