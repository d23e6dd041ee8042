// The snippets of the quickstart: what runs as it is pasted, in a shell, against this deployment.

export type Deployment = { api_url?: string | null; sandbox_url?: string | null; domain?: string | null }
export type Language = 'python' | 'javascript' | 'shell'
export const LANGUAGES: readonly { id: Language; name: string }[] = [
  { id: 'python', name: 'Python' },
  { id: 'javascript', name: 'JavaScript' },
  { id: 'shell', name: 'Shell' },
]

const PYTHON = '2.63.0'
const JAVASCRIPT = '2.51.0'

function exports(d: Deployment, key: string): string {
  const rows = [
    ['E2B_API_KEY', key],
    ['E2B_API_URL', d.api_url],
    ['E2B_SANDBOX_URL', d.sandbox_url],
    ['E2B_DOMAIN', d.domain],
  ] as const
  return rows
    .filter(([, value]) => value != null && value !== '')
    .map(([name, value]) => `export ${name}=${value}`)
    .join('\n')
}

export function snippet(language: Language, d: Deployment, key: string): string {
  const first = exports(d, key)
  switch (language) {
    case 'python':
      return `${first}
python3 -m venv /tmp/try && /tmp/try/bin/pip -q install e2b==${PYTHON}
/tmp/try/bin/python - <<'PY'
from e2b import Sandbox
box = Sandbox.create()
print(box.commands.run("uname -r; echo hello from $(hostname)").stdout)
PY`
    case 'javascript':
      return `${first}
mkdir -p /tmp/try-js && cd /tmp/try-js && npm install --silent e2b@${JAVASCRIPT}
node --input-type=module - <<'JS'
import { Sandbox } from 'e2b'
const box = await Sandbox.create()
console.log((await box.commands.run('uname -r; echo hello from $(hostname)')).stdout)
JS`
    case 'shell':
      return `${first}
curl -sS "$E2B_API_URL/sandboxes" -H "X-API-Key: $E2B_API_KEY" \\
  -H 'Content-Type: application/json' -d '{"templateID":"base","timeout":300}'`
  }
}
