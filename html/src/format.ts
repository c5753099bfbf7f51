// Numbers as people read them. What is not known is a dash, never zero.

export const UNKNOWN = '–';

const grouped = new Intl.NumberFormat('en-US', {maximumFractionDigits: 0});
const milliseconds = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 3,
  maximumFractionDigits: 3,
});

export function count(value: number | null): string {
  return value === null ? UNKNOWN : grouped.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

// For columns: one unit throughout, so that the digits line up.
export function ms(ns: number | null): string {
  return ns === null ? UNKNOWN : milliseconds.format(ns / 1e6);
}

export function seconds(ns: number | null): string {
  return ns === null ? UNKNOWN : milliseconds.format(ns / 1e9);
}

// For text: three significant digits in the unit that suits. short: round figures as they are.
export function duration(ns: number | null, short = false): string {
  if (ns === null) {
    return UNKNOWN;
  }
  const units: [number, string][] = [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
  ];
  for (const [size, unit] of units) {
    if (Math.abs(ns) >= size) {
      return `${short ? String(Number((ns / size).toPrecision(3))) : significant(ns / size)} ${unit}`;
    }
  }
  return `${grouped.format(ns)} ns`;
}

// Of days and hours: "3 days", "5 h 12 min".
export function longTime(ns: number): string {
  const minutes = Math.floor(ns / 60e9);
  if (minutes >= 2880) {
    return plural(Math.floor(minutes / 1440), 'day');
  }
  return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : plural(minutes, 'minute');
}

export function bytes(value: number | null): string {
  if (value === null) {
    return UNKNOWN;
  }
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? grouped.format(value) : significant(value)} ${units[unit]}`;
}

// A rate, from requests in seconds.
export function rate(perSecond: number): string {
  return `${perSecond >= 100 ? grouped.format(perSecond) : significant(perSecond)}/s`;
}

function significant(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

// A share that is not nothing is never shown as 0%, one that is not all never as 100%.
export function percent(part: number, whole: number): string {
  if (whole === 0) {
    return UNKNOWN;
  }
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.05) {
    return '<0.1%';
  }
  if (share < 100 && share >= 99.95) {
    return '>99.9%';
  }
  return `${share.toFixed(1)}%`;
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}

export function day(us: number): string {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function minute(us: number): string {
  const date = new Date(us / 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

export function clock(us: number, fraction = 0): string {
  const part = fraction === 0 ? '' : `.${pad(us % 1e6, 6).slice(0, fraction)}`;
  return `${minute(us)}:${pad(new Date(us / 1000).getSeconds())}${part}`;
}

// In the reader's time zone, which the page's footer names.
export function time(us: number | null, fraction = 0): string {
  return us === null ? UNKNOWN : `${day(us)} ${clock(us, fraction)}`;
}

export function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
