import { Link } from 'wouter'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { useLive } from '../../live/useLive'
import parts from '../../parts/parts.module.css'
import { StateWord } from '../../parts/StateWord'
import { useNow } from '../../parts/useNow'
import { words } from '../../words'
import { age, plain, short, size } from '../../words/format'
import css from './Overview.module.css'

export function Newest() {
  const { slug } = useProject()
  const { live } = useLive()
  const now = useNow()
  const c = words.list.columns
  return (
    <section className={parts.block} aria-labelledby="newest">
      <div className={css.head}>
        <h2 id="newest">{words.overview.newest}</h2>
        <Link href={to.sandboxes(slug)}>{words.overview.all}</Link>
      </div>
      <div className={`${parts.card} ${css.scroll}`}>
        <table className={css.newest}>
          <thead>
            <tr>
              {[c.id, c.state, c.template, c.spec, c.key, c.age].map((title) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {live.sandboxes.map((box) => (
              <tr key={box.id} className={css.fresh}>
                <td>
                  <Link href={to.sandbox(slug, box.id)} className={parts.mono} title={box.id}>
                    {short(box.id)}
                  </Link>
                </td>
                <td>
                  <StateWord state={box.state} whose={box.whose} />
                </td>
                <td>{plain(box.alias ?? box.template)}</td>
                <td className={parts.mono}>{size(box.spec)}</td>
                <td>{plain(box.key?.name ?? '')}</td>
                <td>{age(box.created_at, now)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
