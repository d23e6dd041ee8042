// The account's bucket, into which scheduled exports are put: where it is, set anew, taken away. Its secret is written and never read.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { useDraft } from '../../live/useDraft'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { Confirm } from '../../parts/Confirm'
import { DenialCard } from '../../parts/DenialCard'
import { Facts } from '../../parts/Facts'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { useWho } from '../../parts/useWho'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'
import css from './exports.module.css'

const w = billing.exports.bucket

export function Bucket() {
  const { account } = useProject()
  const query = useQuery({
    queryKey: ['export-target', account],
    /* that there is none is an answer */
    queryFn: () =>
      must(api.GET('/v1/accounts/{id}/export-target', { params: { path: { id: account } } })).catch((error) => {
        if (asFail(error).status === 404) return null
        throw error
      }),
  })
  return (
    <section className={parts.block} aria-labelledby="bucket">
      <h2 id="bucket">{w.title}</h2>
      <p className={parts.lead}>{w.lead}</p>
      {query.data !== undefined ? (
        <Known target={query.data} />
      ) : query.error === null ? (
        <Bones heights={[120]} />
      ) : (
        <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
      )}
    </section>
  )
}

type Target = {
  endpoint: string
  region: string
  bucket: string
  prefix: string
  key_id: string
  set_by: string
  set_at: string
}

function Known({ target }: { target: Target | null }) {
  const project = useProject()
  const prefs = usePrefs()
  const whoWord = useWho()
  const able = mayAccount(project, 'billing.change')
  const [open, setOpen] = useState(false)
  const [ending, end] = useState(false)
  const f = w.facts
  return (
    <>
      {target === null ? (
        <p className={parts.dim}>{w.none}</p>
      ) : (
        <Facts
          rows={[
            [f.bucket, plain(target.bucket)],
            [f.endpoint, plain(target.endpoint)],
            [f.region, plain(target.region)],
            [f.prefix, target.prefix === '' ? words.none : plain(target.prefix)],
            [f.keyId, plain(target.key_id)],
            [f.by, `${whoWord(target.set_by)}, ${clock(target.set_at, prefs)}`],
          ]}
        />
      )}
      {open ? (
        <Form target={target} close={() => setOpen(false)} />
      ) : (
        <div className={parts.row}>
          <Button isDisabled={!able} onPress={() => setOpen(true)}>
            {target === null ? w.name : w.change}
          </Button>
          {target === null ? null : (
            <Button kind="quietDanger" acts isDisabled={!able} onPress={() => end(true)}>
              {w.end}
            </Button>
          )}
        </div>
      )}
      {ending ? <End close={() => end(false)} /> : null}
    </>
  )
}

function End({ close }: { close: () => void }) {
  const { account } = useProject()
  const queries = useQueryClient()
  const act = useMutation({
    mutationFn: () => must(api.DELETE('/v1/accounts/{id}/export-target', { params: { path: { id: account } } })),
    onSuccess: () => {
      queries.setQueryData(['export-target', account], null)
      close()
    },
  })
  return (
    <Confirm
      title={w.endTitle}
      go={w.end}
      pending={act.isPending}
      fail={act.error === null ? null : asFail(act.error)}
      onGo={() => act.mutate()}
      onClose={close}
    >
      <p>{w.endLoses}</p>
    </Confirm>
  )
}

function Form({ target, close }: { target: Target | null; close: () => void }) {
  const { account } = useProject()
  const queries = useQueryClient()
  const draft = (name: string) => `bucket:${account}:${name}`
  const [endpoint, setEndpoint, forgetEndpoint] = useDraft(draft('endpoint'), target?.endpoint ?? '')
  const [region, setRegion, forgetRegion] = useDraft(draft('region'), target?.region ?? '')
  const [bucket, setBucket, forgetBucket] = useDraft(draft('bucket'), target?.bucket ?? '')
  const [prefix, setPrefix, forgetPrefix] = useDraft(draft('prefix'), target?.prefix ?? '')
  const [keyId, setKeyId, forgetKeyId] = useDraft(draft('key'), target?.key_id ?? '')
  const [secret, setSecret] = useState('')
  const act = useMutation({
    mutationFn: () =>
      must(
        api.PUT('/v1/accounts/{id}/export-target', {
          params: { path: { id: account } },
          body: { endpoint, region, bucket, prefix, key_id: keyId, secret },
        }),
      ),
    onSuccess: (now) => {
      for (const forget of [forgetEndpoint, forgetRegion, forgetBucket, forgetPrefix, forgetKeyId]) forget()
      queries.setQueryData(['export-target', account], now)
      close()
    },
  })
  const whole = [endpoint, region, bucket, keyId, secret].every((text) => text.trim() !== '')
  const f = w.facts
  const plainField = { autoComplete: 'off', spellCheck: 'false', mono: true } as const
  return (
    <form
      className={`${parts.card} ${css.order}`}
      onSubmit={(e) => {
        e.preventDefault()
        act.mutate()
      }}
    >
      <div className={parts.fields}>
        <Field
          label={f.endpoint}
          hint={w.endpointHint}
          value={endpoint}
          onChange={setEndpoint}
          maxLength={300}
          {...plainField}
        />
        <Field
          label={f.region}
          hint={w.regionHint}
          value={region}
          onChange={setRegion}
          maxLength={40}
          {...plainField}
        />
        <Field label={f.bucket} value={bucket} onChange={setBucket} maxLength={63} {...plainField} />
        <Field
          label={f.prefix}
          hint={w.prefixHint}
          value={prefix}
          onChange={setPrefix}
          maxLength={200}
          {...plainField}
        />
        <Field label={f.keyId} value={keyId} onChange={setKeyId} maxLength={200} {...plainField} />
        <Field
          label={f.secret}
          hint={w.secretHint}
          type="password"
          value={secret}
          onChange={setSecret}
          maxLength={500}
          autoComplete="new-password"
          mono
        />
      </div>
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
      <div className={parts.row}>
        <Button type="submit" kind="primary" acts isDisabled={!whole} isPending={act.isPending}>
          {w.save}
        </Button>
        <Button onPress={close}>{words.cancel}</Button>
      </div>
    </form>
  )
}
