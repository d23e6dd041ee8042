// Whether the ledger is whole: what of each hour is there, what was compared, and all that did not fit, down to its seconds.

import { to } from '../../../app/routes'
import parts from '../../../parts/parts.module.css'
import { ops } from '../../../words/ops'
import { Tabbed } from '../Tabbed'
import { Anomalies, Checks, DeadLetters, Gaps, Lost, Partitions } from './Evidence'
import { Hours } from './Hours'

const w = ops.ledger

export default function Ledger() {
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      <Tabbed
        label={w.title}
        to={to.opsMoney}
        all={[
          { id: 'hours', text: w.tabs.hours, body: () => <Hours /> },
          { id: 'checks', text: w.tabs.checks, body: () => <Checks /> },
          { id: 'gaps', text: w.tabs.gaps, body: () => <Gaps /> },
          { id: 'lost', text: w.tabs.lost, body: () => <Lost /> },
          { id: 'dead', text: w.tabs.dead, body: () => <DeadLetters /> },
          { id: 'anomalies', text: w.tabs.anomalies, body: () => <Anomalies /> },
          { id: 'stream', text: w.tabs.stream, body: () => <Partitions /> },
        ]}
      />
    </div>
  )
}
