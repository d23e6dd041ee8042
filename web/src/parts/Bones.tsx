import { words } from '../words'
import css from './parts.module.css'

/** The layout that is to come, after 150 ms: so nothing jumps when it is there. heights: of its blocks, in pixels. */
export function Bones({ heights }: { heights: readonly number[] }) {
  return (
    <div className={css.bones} role="status" aria-label={words.loading}>
      {heights.map((height, i) => (
        <div key={i} style={{ blockSize: height }} />
      ))}
    </div>
  )
}
