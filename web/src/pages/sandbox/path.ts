// Paths in the sandbox, which is a Linux.

/** Absolute, without . and .. and doubled slashes. */
export function normal(path: string): string {
  const out: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') out.pop()
    else if (part !== '' && part !== '.') out.push(part)
  }
  return `/${out.join('/')}`
}

export const above = (path: string): string => normal(`${path}/..`)
export const below = (path: string, name: string): string => (path === '/' ? `/${name}` : `${path}/${name}`)
export const isName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
