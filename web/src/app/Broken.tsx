import { Component, type ReactNode } from 'react'
import { words } from '../words'

/** Where the console itself fails: a sentence and a way back, never an empty page. */
export class Broken extends Component<{ children: ReactNode }, { why: string | null }> {
  override state = { why: null as string | null }

  static getDerivedStateFromError(e: unknown) {
    return { why: e instanceof Error ? e.message : String(e) }
  }

  override render() {
    if (this.state.why === null) return this.props.children
    return (
      <main style={{ maxInlineSize: 560, margin: '15vh auto', padding: 16, display: 'grid', gap: 12 }}>
        <h1>{words.fail.broken}</h1>
        <code>{this.state.why}</code>
        <p>
          <a href={location.href}>{words.retry}</a>
        </p>
      </main>
    )
  }
}
