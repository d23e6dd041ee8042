// Invoices of all accounts, what was ordered of them, what the bank says has come, and the books as files.
import { to } from '../../../app/routes'
import parts from '../../../parts/parts.module.css'
import { ops } from '../../../words/ops'
import { Tabbed } from '../Tabbed'
import { Bank } from './Bank'
import { Exports } from './Exports'
import { InvoiceList } from './InvoiceList'
import { Orders } from './Orders'

const w = ops.invoices

export default function AllInvoices() {
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{w.lead}</p>
      </div>
      <Tabbed
        label={w.title}
        to={to.opsInvoices}
        all={[
          { id: 'all', text: w.tabs.all, body: () => <InvoiceList /> },
          { id: 'orders', text: w.tabs.orders, body: () => <Orders /> },
          { id: 'bank', text: w.tabs.bank, body: () => <Bank /> },
          { id: 'exports', text: w.tabs.exports, body: () => <Exports /> },
        ]}
      />
    </div>
  )
}
