// The API's shapes by short names. What the document leaves open and the API always sends is said to be there.
import type { components } from './schema'

type S = components['schemas']
type Filled<T> = { [K in keyof T]-?: Exclude<T[K], undefined> }

export type Me = S['Me']
export type SignedIn = S['SignedIn']
export type Deployment = S['Deployment']
export type Counts = S['Counts']
export type Refusal = S['Refusal']
export type Alert = S['Alert']
export type Limit = S['Limit']
export type Plan = S['Plan']
export type Caps = S['Caps']
export type Spend = S['Spend']
export type OwnAccount = S['OwnAccount']
export type OwnProject = S['OwnProject']
export type Key = Filled<S['Key']>
export type Member = Filled<S['Member']>
export type Invitation = Filled<S['Invitation']>
export type AuditLine = Filled<S['AuditLine']>
export type Used = S['Used']
export type Invoice = S['Invoice']
export type InvoiceLine = S['InvoiceLine']
export type Statement = Filled<S['Statement']>
export type StatementLine = Filled<Omit<S['StatementLine'], 'epoch' | 'corrects'>> &
  Pick<S['StatementLine'], 'epoch' | 'corrects'>
export type Oath = Filled<Omit<S['Attestation'], 'message' | 'place'>>
export type Export = S['Export']
export type ExportOne = S['ExportOne']
export type ExportSchedule = S['ExportSchedule']
export type Receipt = S['Receipt']
export type Wallet = S['Wallet']
export type Grant = Filled<S['Grant']>
export type WalletEntry = Filled<S['WalletEntry']>
export type Contract = S['Contract']
export type Alerts = S['Alerts']
export type Cost = { hour: string | null; month: string | null; currency: string | null; as_of: string | null }

type OwnSandbox = S['OwnSandbox']
type Only = 'domain' | 'timeout_s' | 'on_timeout' | 'auto_resume' | 'secure' | 'allow_internet' | 'network'
/** A row of a list; of one alone there is more. */
export type Sandbox = Filled<Omit<OwnSandbox, Only>> & Pick<OwnSandbox, Only>
export type State = Sandbox['state']
export type Whose = Sandbox['whose']
export type Event = Filled<S['Event']>
export type LogLine = Filled<S['LogLine']>
export type Run = [state: 'run' | 'hib' | 'off' | 'gap', seconds: number]

/** A page of a list of /v1. */
export type Page<T> = { rows: T[]; next: string | null; total: number; total_is_least: boolean }

// What operators are shown.
export type Worker = Filled<S['Worker']>
export type SeenSandbox = Filled<Omit<S['SeenSandbox'], 'state'>> & { state: State }
export type Account = Filled<S['Account']>
export type AccountDetail = Filled<Omit<S['AccountDetail'], 'plans' | 'limits' | 'holds' | 'projects' | 'members'>> & {
  [K in 'plans' | 'limits' | 'holds' | 'projects' | 'members']: Filled<NonNullable<S['AccountDetail'][K]>[number]>[]
}
export type Hold = AccountDetail['holds'][number]
export type Credit = Filled<S['Credit']>
export type InvoiceOrder = S['InvoiceOrder']
export type BankEntry = S['BankEntry']
export type Health = S['Health']
export type Asked = S['Asked']
export type Operator = Filled<S['Operator']>
export type Session = Filled<S['Session']>
export type SeenPeriod = S['SeenPeriod']
export type Reconciliation = S['Reconciliation']
export type Anomaly = S['Anomaly']
export type Watermark = S['Watermark']
export type Partition = S['Partition']
export type Gap = S['Gap']
export type LostFrames = S['LostFrames']
export type DeadLetter = S['DeadLetter']
export type PriceBook = S['PriceBook']
export type Simulation = S['Simulation']
export type SimulatedAccount = S['SimulatedAccount']
export type TaxRule = S['TaxRule']
export type Seller = S['Seller']
export type OpsContract = S['OpsContract']
