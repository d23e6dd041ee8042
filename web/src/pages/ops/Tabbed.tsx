// A page of several lists, one at a time; which one is in the address.
import { type ReactNode, Suspense } from 'react'
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components'
import { useLocation, useSearch } from 'wouter'
import { Bones } from '../../parts/Bones'
import parts from '../../parts/parts.module.css'

type One = { id: string; text: string; body: () => ReactNode }

export function Tabbed({ label, all, to }: { label: string; all: readonly One[]; to: (query: string) => string }) {
  const [, navigate] = useLocation()
  const asked = new URLSearchParams(useSearch()).get('tab')
  const here = all.find(({ id }) => id === asked) ?? all[0]
  return (
    <Tabs
      selectedKey={here?.id ?? ''}
      onSelectionChange={(id) => navigate(to(id === all[0]?.id ? '' : `?tab=${String(id)}`), { replace: true })}
    >
      <TabList className={parts.tabs ?? ''} aria-label={label}>
        {all.map(({ id, text }) => (
          <Tab key={id} id={id} className={parts.tab ?? ''}>
            {text}
          </Tab>
        ))}
      </TabList>
      {all.map(({ id, body }) => (
        <TabPanel key={id} id={id} className={parts.panel ?? ''}>
          <Suspense fallback={<Bones heights={[40, 240]} />}>{body()}</Suspense>
        </TabPanel>
      ))}
    </Tabs>
  )
}
