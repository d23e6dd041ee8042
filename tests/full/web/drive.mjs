// drive.mjs LABEL [CASE...]: bundles the client and page.mjs for a browser, serves them on loopback from an origin of
// their own, and lets Chromium run them. The page says what came of each case.
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { DM_TOOLS, DM_SDK, E2B_API_KEY, E2B_API_URL, E2B_SANDBOX_URL } = process.env
const tools = createRequire(join(DM_TOOLS, '.'))
const { build } = tools('esbuild')
const { chromium } = tools('playwright-core')
const [label, ...wanted] = process.argv.slice(2)

// What the client asks of Node.js it leaves alone in a browser: those modules are empty there.
const nodeless = {
  name: 'nodeless',
  setup(b) {
    b.onResolve({ filter: /^(node:.*|fs|os|path|crypto|stream|url|undici8?|tar|glob)$/ }, (found) => ({
      path: found.path,
      namespace: 'nodeless',
    }))
    b.onLoad({ filter: /.*/, namespace: 'nodeless' }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
  },
}

async function bundle() {
  const built = await build({
    entryPoints: [fileURLToPath(new URL('page.mjs', import.meta.url))],
    alias: { e2b: join(DM_SDK, 'dist/index.mjs') },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    define: { 'process.env': '{}' },
    logLevel: 'error',
    plugins: [nodeless],
  })
  return built.outputFiles[0].text
}

async function serve(script) {
  const server = createServer((request, response) => {
    const page = request.url === '/'
    response.setHeader('Content-Type', page ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8')
    response.end(page ? '<!doctype html><title>sandbox</title><script type="module" src="/page.js"></script>' : script)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const profile = await mkdtemp(join(tmpdir(), 'dormouse-browser-'))
const server = await serve(await bundle())
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
})
let failed = 0
try {
  const page = await browser.newPage()
  page.on('console', (message) => console.log(`  ${message.text()}`))
  page.on('pageerror', (e) => console.log(`  ${e.stack ?? e}`))
  await page.exposeFunction('say', (name, why) => {
    if (why === null) return console.log(`ok ${label}/${name}`)
    failed++
    console.log(`not ok ${label}/${name}: ${why.replace(/\s+/g, ' ').slice(0, 200)}`)
  })
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  await page.waitForFunction('window.run !== undefined', null, { timeout: 20_000 })
  await page.evaluate(([where, names]) => window.run(where, names),
    [{ apiKey: E2B_API_KEY, apiUrl: E2B_API_URL, sandboxUrl: E2B_SANDBOX_URL }, wanted])
} catch (e) {
  failed++
  console.log(`not ok ${label}/page: ${e.message.replace(/\s+/g, ' ').slice(0, 200)}`)
}
await browser.close()
server.close()
await rm(profile, { recursive: true, force: true })
process.exit(failed > 0 ? 1 : 0)
