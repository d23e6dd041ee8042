// What can be done to it now. A kill asks once and says what is lost; an ended one has no acts.
import { type FormEvent, useState } from 'react'
import { Form } from 'react-aria-components'
import { mayAct, useProject } from '../../app/project'
import type { Sandbox } from '../../live/types'
import type { useAct } from '../../live/useAct'
import { Button } from '../../parts/Button'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import { Icon } from '../../parts/Icon'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import css from './Sandbox.module.css'

export function Acts({ box, act }: { box: Sandbox; act: ReturnType<typeof useAct> }) {
  const may = mayAct(useProject())
  const [asked, setAsked] = useState<'kill' | 'timeout' | null>(null)
  if (box.state === 'ended') return <p className={parts.hint}>{words.box.ended}</p>
  const busy = act.isPending
  const { id } = box
  const setTimeoutOf = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const text = new FormData(event.currentTarget).get('seconds')
    const seconds = typeof text === 'string' ? Number.parseInt(text, 10) : Number.NaN
    if (!Number.isSafeInteger(seconds)) return
    setAsked(null)
    act.mutate({ id, act: 'timeout', seconds })
  }
  return (
    <div className={css.acts}>
      {box.state === 'paused' ? (
        <Button kind="primary" acts isDisabled={!may || busy} onPress={() => act.mutate({ id, act: 'resume' })}>
          <Icon name="wake" />
          {words.box.wake}
        </Button>
      ) : (
        <Button
          acts
          isDisabled={!may || busy || box.state !== 'running'}
          onPress={() => act.mutate({ id, act: 'pause' })}
        >
          <Icon name="sleep" />
          {words.box.sleep}
        </Button>
      )}
      <Button isDisabled={!may || busy || box.state !== 'running'} onPress={() => setAsked('timeout')}>
        <Icon name="clock" />
        {words.box.extend}
      </Button>
      <Button kind="danger" isDisabled={!may || busy} onPress={() => setAsked('kill')}>
        <Icon name="kill" />
        {words.box.kill}
      </Button>
      {may ? null : <span className={parts.hint}>{words.list.noRight}</span>}
      <Dialog title={words.box.killTitle} alert open={asked === 'kill'} onClose={() => setAsked(null)}>
        <p>{words.box.killLoses}</p>
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={() => setAsked(null)}>{words.cancel}</Button>
          <Button
            kind="danger"
            acts
            onPress={() => {
              setAsked(null)
              act.mutate({ id, act: 'kill' })
            }}
          >
            {words.box.kill}
          </Button>
        </div>
      </Dialog>
      <Dialog title={words.box.extend} open={asked === 'timeout'} onClose={() => setAsked(null)}>
        <p>{words.box.extendWhy}</p>
        <Form onSubmit={setTimeoutOf} className={parts.field ?? ''}>
          <Field
            name="seconds"
            label={words.box.seconds}
            defaultValue={String(box.timeout_s ?? 300)}
            inputMode="numeric"
            pattern="[0-9]+"
            isRequired
            autoFocus
            mono
          />
          <div className={`${parts.row} ${parts.end}`}>
            <Button onPress={() => setAsked(null)}>{words.cancel}</Button>
            <Button type="submit" kind="primary" acts>
              {words.box.extendGo}
            </Button>
          </div>
        </Form>
      </Dialog>
    </div>
  )
}
