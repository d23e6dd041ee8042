// An empty project: a key, a snippet, and the page notices the first sandbox by the stream.
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components'
import { Link } from 'wouter'
import { mayAct, useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import { useLive } from '../../live/useLive'
import { Button } from '../../parts/Button'
import { Copy } from '../../parts/Copy'
import { DenialCard } from '../../parts/DenialCard'
import { Mark } from '../../parts/Icon'
import parts from '../../parts/parts.module.css'
import { StateWord } from '../../parts/StateWord'
import { words } from '../../words'
import { short } from '../../words/format'
import css from './Overview.module.css'
import { LANGUAGES, snippet } from './snippets'

/** Between the call and the second it was handed out. */
function readyAfter(created: string, started: string | null): string {
  const ms = started === null ? Number.NaN : new Date(started).getTime() - new Date(created).getTime()
  return ms >= 0 && ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

export function Quickstart() {
  const project = useProject()
  const { live, status } = useLive()
  const may = mayAct(project)
  const make = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/projects/{slug}/keys', {
          params: { path: { slug: project.slug } },
          body: { name: words.quick.keyName },
        }),
      ),
  })
  const [language, setLanguage] = useState<string>('python')
  const key = make.data?.key
  const first = live.sandboxes.at(-1)
  const ready = first !== undefined && first.started_at !== null
  return (
    <div className={css.page}>
      <div className={parts.block}>
        <h1>{words.quick.title}</h1>
        <p className={parts.dim}>{words.quick.lead}</p>
      </div>
      <ol className={`${parts.card} ${css.steps}`}>
        <li className={css.step}>
          <span className={css.number} data-done={key === undefined ? undefined : ''} aria-hidden="true">
            1
          </span>
          <div className={css.work}>
            <h2>{words.quick.key}</h2>
            {key === undefined ? (
              <>
                <p className={parts.dim}>{may ? words.quick.keyWhy : words.quick.keyNoRight}</p>
                <Button kind="primary" acts isDisabled={!may} isPending={make.isPending} onPress={() => make.mutate()}>
                  {words.quick.keyMake}
                </Button>
              </>
            ) : (
              <>
                <p>{words.quick.keyOnce}</p>
                <div className={parts.row}>
                  <code className={css.key}>{key}</code>
                  <Copy text={key} />
                </div>
              </>
            )}
            {make.error === null ? null : <DenialCard fail={asFail(make.error)} onRetry={() => make.mutate()} />}
          </div>
        </li>
        <li className={css.step}>
          <span className={css.number} aria-hidden="true">
            2
          </span>
          <div className={css.work}>
            <h2>{words.quick.paste}</h2>
            <p className={parts.dim}>{key === undefined ? words.quick.pasteFirst : words.quick.pasteWhy}</p>
            <Tabs
              selectedKey={language}
              onSelectionChange={(now) => setLanguage(String(now))}
              style={{ inlineSize: '100%' }}
            >
              <TabList className={parts.tabs ?? ''} aria-label={words.quick.paste}>
                {LANGUAGES.map(({ id, name }) => (
                  <Tab key={id} id={id} className={parts.tab ?? ''}>
                    {name}
                  </Tab>
                ))}
              </TabList>
              {LANGUAGES.map(({ id }) => {
                const text = snippet(id, project.me.deployment ?? {}, key ?? 'e2b_…')
                return (
                  <TabPanel key={id} id={id} className={`${parts.panel} ${parts.block}`}>
                    {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is reached by keys, too */}
                    <pre className={css.snippet} tabIndex={0}>
                      {text}
                    </pre>
                    <div>{key === undefined ? null : <Copy text={text} />}</div>
                  </TabPanel>
                )
              })}
            </Tabs>
          </div>
        </li>
        <li className={css.step}>
          <span className={css.number} data-done={ready ? '' : undefined} aria-hidden="true">
            3
          </span>
          <div className={css.work}>
            <h2>{words.quick.wait}</h2>
            <div className={css.waiting} role="status">
              {first === undefined ? (
                <>
                  <Mark />
                  {status === 'away' ? words.quick.away : words.quick.waiting}
                </>
              ) : (
                <>
                  <StateWord state={first.state} whose={first.whose} />
                  <span>
                    {ready ? words.quick.answered(readyAfter(first.created_at, first.started_at)) : null}{' '}
                    <span className={parts.mono}>{short(first.id)}</span>
                  </span>
                  <Link href={to.sandbox(project.slug, first.id)} className={`${parts.button} ${parts.primary}`}>
                    {words.quick.open}
                  </Link>
                </>
              )}
            </div>
          </div>
        </li>
      </ol>
    </div>
  )
}
