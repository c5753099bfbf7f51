// The time that the charts of a page share: zooming one zooms all. Microseconds since the epoch.
import {day, minute, clock} from './format';

export type Range = [from_us: number, to_us: number];

export class TimeAxis {
  private shown: Range;
  private readonly listeners: (() => void)[] = [];

  constructor(private all: Range) {
    this.shown = all;
  }

  get range(): Range {
    return this.shown;
  }

  get zoomed(): boolean {
    return this.shown[0] !== this.all[0] || this.shown[1] !== this.all[1];
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  zoom([from, to]: Range): void {
    // Two seconds are as far as any chart has something to show.
    const width = Math.min(Math.max(to - from, 2e6), this.all[1] - this.all[0]);
    const start = Math.min(Math.max((from + to - width) / 2, this.all[0]), this.all[1] - width);
    this.shown = [start, start + width];
    this.tell();
  }

  // About the middle.
  by(factor: number): void {
    const [from, to] = this.shown;
    const middle = (from + to) / 2;
    const half = ((to - from) * factor) / 2;
    this.zoom([middle - half, middle + half]);
  }

  move(part: number): void {
    const [from, to] = this.shown;
    const step = (to - from) * part;
    this.zoom([from + step, to + step]);
  }

  reset(): void {
    this.shown = this.all;
    this.tell();
  }

  // Newer data has come.
  extend(all: Range): void {
    const follow = !this.zoomed;
    this.all = all;
    if (follow) {
      this.shown = all;
    }
  }

  private tell(): void {
    for (const listener of this.listeners) {
      listener();
    }
  }
}

// As short as the range allows.
export function tickText(us: number, [from, to]: Range): string {
  const span = to - from;
  if (span <= 600e6) {
    return clock(us);
  }
  return day(from) === day(to) || span < 86_400e6 ? minute(us) : `${day(us).slice(5)} ${minute(us)}`;
}
