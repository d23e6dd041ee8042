// E2B's command line, unmodified, run as somebody would who has just installed it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TIMEOUT_MS = 30_000

/** A home of its own, which keeps who is signed in; no key and no browser. */
export class CommandLine {
  private readonly home = mkdtempSync(join(tmpdir(), 'dormouse-cli-'))

  private readonly program: string
  private readonly url: string

  constructor(program: string, url: string) {
    this.program = program
    this.url = url
  }

  private start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [this.program, ...args], {
      env: { PATH: this.home, HOME: this.home, E2B_API_URL: this.url, E2B_DOCS_BASE: `${this.url}/docs`, CI: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
    })
  }

  /** Runs it; meets() is given the first address that it prints. What it said, and how it ended. */
  async run(args: string[], meets: (url: string) => Promise<void> = async () => {}): Promise<string> {
    const child = this.start(...args)
    let said = ''
    let met: Promise<void> | null = null
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      const url = /https?:\/\/\S+cliVersion=\S+/.exec(said)?.[0]
      if (url !== undefined) met ??= meets(url)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    await met
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${said}`)
    return said
  }

  /** What it keeps of who is signed in. */
  kept(): { tokens: { access_token: string }; projectApiKey: string } {
    return JSON.parse(readFileSync(join(this.home, '.e2b', 'config.json'), 'utf8'))
  }
}
