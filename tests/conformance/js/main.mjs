// main.mjs LABEL [CASE...]: the cases against the client that DM_SDK holds.
import { dropShared, endAll } from './boxes.mjs'
import { run } from './check.mjs'
import './commands.mjs'
import './files.mjs'
import './pty.mjs'
import './sandbox.mjs'
import './refusals.mjs'
import './fork.mjs'
import './snapshot.mjs'

await run(process.argv[2], process.argv.slice(3), dropShared, endAll)
