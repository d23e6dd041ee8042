import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { allows, KEY_RIGHTS, RIGHTS, ROLES, rolesWith, within } from './rights'

const table = readFileSync(new URL('../../../tenants/who/rights.def', import.meta.url), 'utf8')
const told = new Map([...table.matchAll(/^RIGHT\(\w+, "([a-z.]+)", +"([A-Z]+)"\)/gm)].map((m) => [m[1], m[2]]))

describe('rights', () => {
  it('are those of the service', () => {
    expect(told.size).toBeGreaterThan(20)
    for (const [right, letters] of Object.entries(RIGHTS))
      expect([right, letters]).toEqual([right, told.get(right)?.replaceAll(/[KP]/g, '')])
  })
  it('of a key are those that have its letter', () => {
    const keys = [...told].filter(([, letters]) => letters?.includes('K') === true)
    expect(keys.map(([right]) => right).sort()).toEqual([...KEY_RIGHTS].sort())
  })
  it('follow from any of the roles that somebody has', () => {
    expect(allows('billing.read', ['viewer', 'billing'], false)).toBe(true)
    expect(allows('billing.read', ['developer'], false)).toBe(false)
    expect(allows('key.change', ['owner'], true)).toBe(false)
    expect(allows('key.read', [], true)).toBe(true)
    expect(rolesWith('audit.read')).toEqual(['admin', 'owner'])
  })
  it('let nobody give more than he has', () => {
    const given = (...own: string[]) => ROLES.filter((role) => within(role, own))
    expect(given('viewer')).toEqual(['viewer'])
    expect(given('developer')).toEqual(['viewer', 'developer'])
    expect(given('admin')).toEqual(['viewer', 'developer', 'billing', 'admin'])
    expect(given('owner')).toEqual([...ROLES])
  })
})
