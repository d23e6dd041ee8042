import './app/tokens.css'
import './app/base.css'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { guard } from './app/guard'
import { showTheme } from './app/prefs'

guard()
showTheme()
// A page that was open while the deployment was renewed asks for parts that are there no more: it begins anew, once.
window.addEventListener('vite:preloadError', (event) => {
  const url = new URL(location.href)
  if (url.searchParams.has('renewed')) return
  event.preventDefault()
  url.searchParams.set('renewed', '1')
  location.replace(url)
})
const root = document.getElementById('root')
if (root !== null) createRoot(root).render(<App />)
