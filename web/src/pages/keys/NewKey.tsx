// A new key: what it is called, what it may, when it ends. Then it is shown, this once.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Form, Label, Radio, RadioGroup } from 'react-aria-components'
import { may, useProject } from '../../app/project'
import { KEY_RIGHTS } from '../../app/rights'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { useDraft } from '../../live/useDraft'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { Copy } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { project as words_ } from '../../words/project'
import css from './keys.module.css'

const w = words_.keys
export const ENDINGS = { never: null, days30: 30, days90: 90, days365: 365 } as const
export type Ending = keyof typeof ENDINGS
export const endings = (Object.keys(ENDINGS) as Ending[]).map((id) => ({ id, text: w.ending[id] }))

/** days from now, as the API takes it */
export function endAt(ending: Ending, now: Date): string | null {
  const days = ENDINGS[ending]
  return days === null ? null : new Date(now.getTime() + days * 86_400_000).toISOString()
}

export function NewKey({ close }: { close: () => void }) {
  const project = useProject()
  const { slug } = project
  const queries = useQueryClient()
  const [name, setName, forget] = useDraft(`key-name:${slug}`)
  const [some, setSome] = useState(false)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(['sandbox.read', 'sandbox.create']))
  const [ending, setEnding] = useState<Ending>('never')
  const make = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/projects/{slug}/keys', {
          params: { path: { slug } },
          body: {
            name: name.trim(),
            ...(some ? { rights: [...chosen] } : {}),
            expires_at: endAt(ending, new Date()),
          },
        }),
      ),
    onSuccess: () => {
      forget()
      void queries.invalidateQueries({ queryKey: ['keys', slug] })
    },
  })
  const key = make.data?.key
  if (key !== undefined) {
    return (
      <Dialog title={w.makeTitle} open easy={false} onClose={close}>
        <p>{w.once}</p>
        <code className={parts.secret}>{key}</code>
        <div className={`${parts.row} ${parts.end}`}>
          <Copy text={key} />
          <Button kind="primary" onPress={close}>
            {w.done}
          </Button>
        </div>
      </Dialog>
    )
  }
  const toggle = (right: string) => {
    const next = new Set(chosen)
    if (!next.delete(right)) next.add(right)
    setChosen(next)
  }
  return (
    <Dialog title={w.makeTitle} open onClose={close}>
      <Form
        className={parts.form ?? ''}
        onSubmit={(e) => {
          e.preventDefault()
          make.mutate()
        }}
      >
        <Field
          label={w.name}
          hint={w.nameHint}
          value={name}
          onChange={setName}
          maxLength={100}
          isRequired
          autoFocus
          autoComplete="off"
        />
        <RadioGroup
          className={parts.field ?? ''}
          value={some ? 'some' : 'all'}
          onChange={(now) => setSome(now === 'some')}
        >
          <Label className={parts.label ?? ''}>{w.what}</Label>
          <Radio value="all" className={parts.radio ?? ''}>
            {w.all}
          </Radio>
          <Radio value="some" className={parts.radio ?? ''}>
            {w.some}
          </Radio>
        </RadioGroup>
        {some ? (
          <fieldset className={css.rights} aria-label={w.some}>
            {KEY_RIGHTS.filter((right) => may(project, right)).map((right) => (
              <label key={right} className={parts.check}>
                <input type="checkbox" checked={chosen.has(right)} onChange={() => toggle(right)} />
                {w.right[right]}
              </label>
            ))}
          </fieldset>
        ) : null}
        <Choice label={w.ends} value={ending} of={endings} onChange={setEnding} />
        {make.error === null ? null : <DenialCard fail={asFail(make.error)} />}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={close}>{words.cancel}</Button>
          <Button
            type="submit"
            kind="primary"
            acts
            isPending={make.isPending}
            isDisabled={name.trim() === '' || (some && chosen.size === 0)}
          >
            {w.make}
          </Button>
        </div>
      </Form>
    </Dialog>
  )
}
