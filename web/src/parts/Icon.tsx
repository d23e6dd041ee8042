// Our own symbols, 20 grid, stroke 1.5. None says anything that no word beside it says.
const PATHS = {
  overview: 'M3 10.5 10 4l7 6.5M5 9v7.5h10V9M8.5 16.5V12h3v4.5',
  sandboxes: 'M3 6.5 10 3l7 3.5v7L10 17l-7-3.5zM3 6.5 10 10m0 0 7-3.5M10 10v7',
  search: 'M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M12.5 12.5 17 17',
  user: 'M10 10a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5M3.5 17c.8-3 3.4-4.5 6.5-4.5s5.700 1.500 6.500 4.500',
  copy: 'M7 7V3.500h9.500V13H13M3.500 7H13v9.500H3.500z',
  close: 'M5 5l10 10M15 5 5 15',
  back: 'M12 4 6 10l6 6',
  down: 'M5 8l5 5 5-5',
  verify: 'M10 3 4 5.500v4c0 3.500 2.500 6 6 7.500 3.500-1.500 6-4 6-7.500v-4zM7.500 10l2 2 3.500-4',
  docs: 'M5 3h7l3 3v11H5zM12 3v3h3M7.500 10h5M7.500 13h5',
  sleep: 'M15.500 12.500A6.500 6.500 0 0 1 7.500 4.500a6.500 6.500 0 1 0 8 8z',
  wake: 'M6 4l10 6-10 6z',
  kill: 'M5 5h10v10H5z',
  key: 'M12.5 11.5a4 4 0 1 0-3.600-2.300L3.500 14.600V17h2.400v-1.800h1.800v-1.800h1.400l1.300-1.300M13.500 6.500v.01',
  members:
    'M7.500 9.500a2.750 2.750 0 1 0 0-5.500 2.750 2.750 0 0 0 0 5.500M2.500 16c.5-2.500 2.500-4 5-4s4.500 1.500 5 4M13 4.300a2.750 2.750 0 0 1 0 5M14.500 12.300c1.700.6 2.700 1.900 3 3.700',
  limits: 'M3.500 15a7.500 7.500 0 1 1 13 0M10 12l3.500-4M10 12v.01',
  audit: 'M5 3h10v14H5zM7.500 7h5M7.500 10h5M7.500 13h3',
  usage: 'M3.500 16.500h13M5.500 16V11M10 16V4.500M14.500 16V8',
  invoice: 'M5 3h10v14l-2.500-1.500L10 17l-2.500-1.500L5 17zM7.500 7h5M7.500 10.500h5',
  statement: 'M4 4h12v12H4zM4 8h12M8 8v8',
  plan: 'M3.500 6h13v9h-13zM3.500 9h13M12.500 12.500h1.500',
  exports: 'M10 3v9M6.500 9l3.500 3.500L13.500 9M4 16.500h12',
  calculator:
    'M5 3h10v14H5zM7.500 6h5M7.500 10h.01M10 10h.01M12.500 10h.01M7.500 13.500h.01M10 13.500h.01M12.500 13.500h.01',
  dots: 'M5 10h.01M10 10h.01M15 10h.01',
  account: 'M4 16.500V6l6-3 6 3v10.500zM8 16.500v-4h4v4M7.500 8.500h.01M12.500 8.500h.01',
  fleet: 'M3.500 4h13v5h-13zM3.500 11h13v5h-13zM6.500 6.500h.01M6.500 13.500h.01',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14M10 6v4l2.500 2',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      viewBox="0 0 20 20"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}

const MARK = 'M20 15.5A8.5 8.5 0 1 1 20.2 8.6M20 15.5c-.9 2.5-3 3.6-5 3.2-2.3-.5-3.4-2.5-2.9-4.4.4-1.5 2-2.3 3.3-1.8'
const CLOSED = 'M6.6 11q1.2 1.3 2.6.2'
const EAR = 'M5.2 6.2C4.3 3.9 6.3 2.6 8.2 4'

/** The dormouse; its eye is open while something runs. */
export function Mark({ awake = false, size = 24 }: { awake?: boolean; size?: number }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="var(--run)"
      strokeWidth="2"
      strokeLinecap="round"
      aria-hidden="true"
    >
      <path d={`${MARK}${EAR}${awake ? '' : CLOSED}`} />
      {awake ? <circle cx="7.9" cy="11" r="1.3" fill="var(--run)" stroke="none" /> : null}
    </svg>
  )
}
