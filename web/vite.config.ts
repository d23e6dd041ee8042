import { tmpdir } from 'node:os'
import { join } from 'node:path'
import locales from '@react-aria/optimize-locales-plugin'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { savedVerifier } from './src/verify/saved/build.ts'

const target = ['chrome123', 'firefox120', 'safari17.5']

// The app lives below /console/; nginx writes a nonce of its own into each copy of index.html (ops/nginx/console.conf.in).
export default defineConfig({
  base: '/console/',
  cacheDir: join(tmpdir(), 'dormouse-vite'),
  plugins: [react(), { ...locales.vite({ locales: ['en-US', 'zh-CN'] }), enforce: 'pre' }, savedVerifier(target)],
  html: { cspNonce: 'dormouse-nonce' },
  // What E2B's client asks of Node.js it leaves alone in a browser: those modules are empty there.
  resolve: {
    alias: Object.fromEntries(
      ['fs', 'path', 'crypto', 'os', 'url', 'stream']
        .flatMap((name) => [name, `node:${name}`])
        .map((name) => [name, new URL('src/app/nothing.ts', import.meta.url).pathname]),
    ),
  },
  build: {
    target,
    assetsInlineLimit: 0,
    sourcemap: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
})
