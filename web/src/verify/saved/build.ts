/**
 * Builds verify.html: one file with the page, its style and its Worker in it, under a policy that knows them by their
 * hashes and lets nothing out. It is an asset of the console's build.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Plugin, type Rollup } from 'vite'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

interface Built {
  readonly script: string
  readonly style: string
}

async function built(entry: string, target: string[]): Promise<Built> {
  const out = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      target,
      write: false,
      copyPublicDir: false,
      reportCompressedSize: false,
      lib: { entry, formats: ['iife'], name: 'dormouse', fileName: 'part', cssFileName: 'part' },
    },
  })
  const files = (Array.isArray(out) ? out : [out as Rollup.RollupOutput]).flatMap((o) => o.output)
  const chunk = files.find((file): file is Rollup.OutputChunk => file.type === 'chunk')
  const css = files.find((file): file is Rollup.OutputAsset => file.type === 'asset' && file.fileName.endsWith('.css'))
  const script = (chunk?.code ?? '').trim()
  // A file's end of script, wherever it stood, would end the page's.
  if (script === '' || /<\/script|<!--/i.test(script)) {
    throw new Error(`${entry} cannot stand in a page`)
  }
  return { script, style: String(css?.source ?? '').trim() }
}

export function savedVerifier(target: string[]): Plugin {
  return {
    name: 'dormouse-saved-verifier',
    apply: 'build',
    async generateBundle() {
      const worker = await built(here('../worker.ts'), target)
      const page = await built(here('./page.ts'), target)
      const policy = [
        "default-src 'none'",
        `script-src ${hash(page.script)}`,
        `style-src ${hash(page.style)}`,
        'worker-src blob:',
        'img-src data:',
        "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        'trusted-types dormouse-verify',
      ].join('; ')
      const parts: Readonly<Record<string, string>> = {
        POLICY: policy,
        ICON: encodeURIComponent(readFileSync(here('../../app/asleep.svg'), 'utf8').trim()),
        STYLE: page.style,
        WORKER: worker.script,
        SCRIPT: page.script,
      }
      const template = readFileSync(here('./page.html'), 'utf8')
      const source = template.replace(/@([A-Z]+)@/g, (_, name: string) => parts[name] ?? '')
      this.emitFile({ type: 'asset', fileName: 'verify.html', source })
    },
  }
}
