// Prices are rows that two people make: books, contracts, rules of tax, and who sells.
import { to } from '../../../app/routes'
import parts from '../../../parts/parts.module.css'
import { ops } from '../../../words/ops'
import { Tabbed } from '../Tabbed'
import { Books } from './Books'
import { Contracts } from './Contracts'
import { Sellers } from './Sellers'
import { TaxRules } from './TaxRules'

const w = ops.prices

export default function Prices() {
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      <Tabbed
        label={w.title}
        to={to.opsPrices}
        all={[
          { id: 'books', text: w.tabs.books, body: () => <Books /> },
          { id: 'contracts', text: w.tabs.contracts, body: () => <Contracts /> },
          { id: 'tax', text: w.tabs.tax, body: () => <TaxRules /> },
          { id: 'sellers', text: w.tabs.sellers, body: () => <Sellers /> },
        ]}
      />
    </div>
  )
}
