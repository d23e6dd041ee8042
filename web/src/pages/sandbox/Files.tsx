// The sandbox's files, folder by folder: looked at as text, taken out, brought in. Nothing of them is ever more than text here.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { EntryInfo } from 'e2b'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Form } from 'react-aria-components'
import { useLocation, useSearch } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { troubleOf } from '../../live/fail'
import { Inside } from '../../live/inside'
import { give } from '../../live/save'
import type { Sandbox } from '../../live/types'
import { allOf } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Confirm } from '../../parts/Confirm'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import { Field } from '../../parts/Field'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { bytes, clock, plain } from '../../words/format'
import { inside } from '../../words/inside'
import css from './Inside.module.css'
import { above, below, isName, normal } from './path'

const w = inside.files
const HOME = '/home/user'
/** of a file that is shown */
const MOST_SHOWN = 1 << 20

export default function Files({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const [, navigate] = useLocation()
  const search = new URLSearchParams(useSearch())
  const path = normal(search.get('path') ?? HOME)
  const file = search.get('file')
  const go = (folder: string, name?: string) => {
    const query = new URLSearchParams({ path: folder })
    if (name !== undefined) query.set('file', name)
    navigate(`${to.sandbox(slug, box.id, 'files')}&${query}`, { replace: true })
  }
  const within = useMemo(() => new Inside(slug, box.id), [slug, box.id])
  if (box.state !== 'running') return null
  return file === null ? (
    <Folder box={box} within={within} path={path} go={go} />
  ) : (
    <Text box={box} within={within} path={path} name={file} back={() => go(path)} />
  )
}

type Common = { box: Sandbox; within: Inside; path: string }

function Folder({ box, within, path, go }: Common & { go: (folder: string, name?: string) => void }) {
  const prefs = usePrefs()
  const queries = useQueryClient()
  const picker = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState(path)
  useEffect(() => setTyped(path), [path])
  const [making, setMaking] = useState(false)
  const [removed, setRemoved] = useState<EntryInfo | null>(null)
  const key = ['files', box.id, path]
  const query = useQuery({
    queryKey: key,
    queryFn: async () => {
      const all = await (await within.get()).files.list(path)
      return all.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
    },
    retry: false,
  })
  const anew = () => void queries.invalidateQueries({ queryKey: key })
  const upload = useMutation({
    mutationFn: async (files: readonly File[]) => {
      const client = await within.get()
      for (const one of files) await client.files.write(below(path, one.name), one, { requestTimeoutMs: 0 })
    },
    onSettled: anew,
  })
  const download = useMutation({
    mutationFn: async (entry: EntryInfo) =>
      give(await (await within.get()).files.read(entry.path, { format: 'blob', requestTimeoutMs: 0 }), entry.name),
  })
  const fault = upload.error ?? download.error
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={css.tools}>
        <form
          className={css.path}
          onSubmit={(e) => {
            e.preventDefault()
            go(normal(typed))
          }}
        >
          <input
            className={`${parts.input} ${parts.mono}`}
            aria-label={w.path}
            value={typed}
            spellCheck={false}
            autoComplete="off"
            onChange={(e) => setTyped(e.target.value)}
          />
          <Button type="submit">{w.go}</Button>
        </form>
        <Button isDisabled={path === '/'} onPress={() => go(above(path))}>
          {w.up}
        </Button>
        <Button onPress={() => setMaking(true)}>{w.folder}</Button>
        <Button isPending={upload.isPending} onPress={() => picker.current?.click()}>
          {w.upload}
        </Button>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          data-testid="upload"
          onChange={(e) => {
            const files = [...(e.target.files ?? [])]
            if (files.length > 0) upload.mutate(files)
            e.target.value = ''
          }}
        />
      </div>
      {upload.isPending ? (
        <p role="status">{w.uploading(upload.variables.map((one) => plain(one.name)).join(', '))}</p>
      ) : null}
      {fault === null ? null : <DenialCard fail={troubleOf(fault)} />}
      <List<EntryInfo>
        label={w.path}
        list={allOf(query.data, query, troubleOf)}
        id={(entry) => entry.path}
        empty={<span className={parts.dim}>{w.empty}</span>}
        columns={[
          {
            id: 'name',
            title: c.name,
            wide: true,
            cell: (entry) => (
              <>
                <button
                  type="button"
                  className={`${parts.link} ${parts.mono}`}
                  onClick={() => (isFolder(entry) ? go(below(path, entry.name)) : go(path, entry.name))}
                >
                  {plain(entry.name)}
                  {isFolder(entry) ? '/' : ''}
                </button>
                {entry.symlinkTarget === undefined ? null : (
                  <span className={parts.hint}> {w.link(plain(entry.symlinkTarget))}</span>
                )}
              </>
            ),
          },
          { id: 'size', title: c.size, end: true, cell: (entry) => (isFolder(entry) ? '' : bytes(entry.size)) },
          { id: 'mode', title: c.mode, cell: (entry) => <span className={parts.mono}>{entry.permissions}</span> },
          { id: 'owner', title: c.owner, cell: (entry) => plain(entry.owner) },
          {
            id: 'changed',
            title: c.changed,
            cell: (entry) => (entry.modifiedTime === undefined ? '' : clock(entry.modifiedTime.toISOString(), prefs)),
          },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (entry) => (
              <span className={`${parts.row} ${parts.acts}`}>
                {isFolder(entry) ? null : (
                  <Button kind="quiet" isDisabled={download.isPending} onPress={() => download.mutate(entry)}>
                    {w.download}
                  </Button>
                )}
                <Button kind="quietDanger" onPress={() => setRemoved(entry)}>
                  {w.remove}
                </Button>
              </span>
            ),
          },
        ]}
      />
      {making ? <NewFolder within={within} path={path} done={anew} close={() => setMaking(false)} /> : null}
      {removed === null ? null : <Remove within={within} entry={removed} done={anew} close={() => setRemoved(null)} />}
    </div>
  )
}

const isFolder = (entry: EntryInfo) => entry.type === 'dir'
const rank = (entry: EntryInfo) => (isFolder(entry) ? 0 : 1)

function NewFolder({
  within,
  path,
  done,
  close,
}: {
  within: Inside
  path: string
  done: () => void
  close: () => void
}) {
  const [name, setName] = useState('')
  const wrong = name !== '' && !isName(name)
  const act = useMutation({
    mutationFn: async () => (await within.get()).files.makeDir(below(path, name)),
    onSuccess: () => {
      done()
      close()
    },
  })
  return (
    <Dialog title={w.folder} open onClose={close}>
      <Form
        className={parts.form ?? ''}
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate()
        }}
      >
        <Field
          label={w.folderName}
          value={name}
          onChange={setName}
          isInvalid={wrong}
          autoFocus
          autoComplete="off"
          maxLength={255}
          mono
        />
        {wrong ? <p className={parts.error}>{w.badName}</p> : null}
        {act.error === null ? null : <DenialCard fail={troubleOf(act.error)} />}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={close}>{words.cancel}</Button>
          <Button type="submit" kind="primary" isDisabled={name === '' || wrong} isPending={act.isPending}>
            {w.make}
          </Button>
        </div>
      </Form>
    </Dialog>
  )
}

function Remove({
  within,
  entry,
  done,
  close,
}: {
  within: Inside
  entry: EntryInfo
  done: () => void
  close: () => void
}) {
  const act = useMutation({
    mutationFn: async () => (await within.get()).files.remove(entry.path),
    onSuccess: () => {
      done()
      close()
    },
  })
  return (
    <Confirm
      title={w.removeTitle(plain(entry.name))}
      go={w.remove}
      pending={act.isPending}
      fail={act.error === null ? null : troubleOf(act.error)}
      onGo={() => act.mutate()}
      onClose={close}
    >
      <p>{w.removeLoses}</p>
    </Confirm>
  )
}

function Text({ box, within, path, name, back }: Common & { name: string; back: () => void }) {
  const full = below(path, name)
  const query = useQuery({
    queryKey: ['file', box.id, full],
    queryFn: async () => {
      const { files } = await within.get()
      const entry = await files.getInfo(full)
      if (entry.size > MOST_SHOWN) return null
      try {
        return new TextDecoder('utf-8', { fatal: true }).decode(await files.read(full, { format: 'bytes' }))
      } catch (e) {
        if (e instanceof TypeError) return null
        throw e
      }
    },
    retry: false,
    gcTime: 0,
  })
  return (
    <div className={parts.block}>
      <div className={parts.row}>
        <Button onPress={back}>{w.back}</Button>
        <strong className={parts.mono}>{plain(full)}</strong>
      </div>
      {query.error !== null ? (
        <DenialCard fail={troubleOf(query.error)} onRetry={() => void query.refetch()} />
      ) : query.data === undefined ? null : query.data === null ? (
        <p className={`${parts.card} ${parts.empty}`}>{w.notText}</p>
      ) : (
        <section
          className={`${parts.card} ${css.text}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys, too
          tabIndex={0}
          aria-label={w.view(plain(name))}
        >
          <pre>{query.data}</pre>
        </section>
      )}
    </div>
  )
}
