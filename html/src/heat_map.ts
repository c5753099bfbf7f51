// How latencies were spread over time: time to the right, latency upward by powers, the darker the
// more requests. Averages hide two kinds of requests in one line; this does not.
import {scaleLog} from 'd3-scale';
import {Series} from './data';
import {Child, el, svg} from './dom';
import {count, duration, time} from './format';
import {latencyTicks, lowerBound} from './latency_buckets';
import {Frame, LEFT, PlotOptions, TimeChart} from './plot';

const SHADES = 8;
const BUCKETS_A_ROW = 4; // four rows a power of two

interface Cell {
  bin: number;
  row: number;
  count: number;
}

export class HeatMap extends TimeChart {
  private cells: Cell[] = [];
  private rows: [first: number, last: number] = [0, 0];
  private most = 1;

  constructor(
    private series: Series,
    options: Omit<PlotOptions, 'format'>,
  ) {
    super({...options, format: duration}, () => [this.shadeKeys()]);
    this.gather();
  }

  setSeries(series: Series): void {
    this.series = series;
    this.gather();
    this.draw();
  }

  private gather(): void {
    const sums = new Map<string, Cell>();
    const {heat} = this.series;
    for (let i = 0; i + 2 < heat.length; i += 3) {
      const bin = heat[i] ?? 0;
      const row = Math.floor((heat[i + 1] ?? 0) / BUCKETS_A_ROW);
      const key = `${bin} ${row}`;
      const cell = sums.get(key);
      if (cell) {
        cell.count += heat[i + 2] ?? 0;
      } else {
        sums.set(key, {bin, row, count: heat[i + 2] ?? 0});
      }
    }
    this.cells = [...sums.values()].filter((cell) => cell.count > 0);
    const rows = this.cells.map((cell) => cell.row);
    this.rows = rows.length > 0 ? [Math.min(...rows), Math.max(...rows) + 1] : [40, 60];
    this.most = Math.max(1, ...this.cells.map((cell) => cell.count));
  }

  private y(frame: Frame): (ns: number) => number {
    const bounds = this.rows.map((row) => Math.max(1, lowerBound(row * BUCKETS_A_ROW)));
    const scale = scaleLog([bounds[0] ?? 1, bounds[1] ?? 2], [frame.top + frame.height, frame.top]);
    return (ns) => scale(Math.max(1, ns));
  }

  // A single request must be seen beside thousands.
  private shade(value: number): number {
    return this.most <= 1 ? SHADES - 1 : Math.min(SHADES - 1, Math.floor((Math.log(value) / Math.log(this.most)) * SHADES));
  }

  private shadeKeys(): Child {
    const keys = Array.from({length: SHADES}, (_, shade) => el('span', {class: `shade heat-${shade}`}));
    return el(
      'span',
      {class: 'chart-key', title: 'Requests of a latency in a bin of time'},
      el('span', {class: 'shade-end'}, '1'),
      ...keys,
      el('span', {class: 'shade-end'}, `${count(this.most)} requests`),
    );
  }

  protected summary(): string {
    const [first, last] = this.rows;
    return `From ${duration(lowerBound(first * BUCKETS_A_ROW))} to ${duration(lowerBound(last * BUCKETS_A_ROW))}`;
  }

  protected scaleMarks(frame: Frame): Child[] {
    const y = this.y(frame);
    const [first, last] = this.rows;
    const ticks = latencyTicks(lowerBound(first * BUCKETS_A_ROW), lowerBound(last * BUCKETS_A_ROW), frame.height / 18);
    return ticks.map((tick) =>
      svg(
        'g',
        {},
        svg('line', {class: 'grid', x1: LEFT, x2: frame.width - 14, y1: y(tick), y2: y(tick)}),
        svg('text', {x: LEFT - 8, y: y(tick) + 4, 'text-anchor': 'end'}, duration(tick, true)),
      ),
    );
  }

  protected marks(frame: Frame): Child[] {
    const y = this.y(frame);
    const {start_us, bin_us} = this.series;
    const paths = Array.from({length: SHADES}, () => '');
    const [from, to] = this.options.axis.range;
    for (const {bin, row, count: requests} of this.cells) {
      const begin = start_us + bin * bin_us;
      if (begin + bin_us <= from || begin >= to) {
        continue;
      }
      const left = frame.x(begin);
      const right = frame.x(begin + bin_us);
      const top = y(lowerBound((row + 1) * BUCKETS_A_ROW));
      const bottom = y(lowerBound(row * BUCKETS_A_ROW));
      const gap = right - left > 4 ? 0.7 : 0;
      const shade = this.shade(requests);
      paths[shade] = `${paths[shade] ?? ''}M${left.toFixed(1)} ${top.toFixed(1)}H${(right - gap).toFixed(1)}V${(bottom - (bottom - top > 4 ? 0.7 : 0)).toFixed(1)}H${left.toFixed(1)}z`;
    }
    return paths.map((d, shade) => (d === '' ? null : svg('path', {class: `cells heat-${shade}`, d})));
  }

  protected tell(us: number, pointer: number, frame: Frame): Child[] | null {
    const bin = Math.floor((us - this.series.start_us) / this.series.bin_us);
    const y = this.y(frame);
    const cell = this.cells.find(
      (each) =>
        each.bin === bin &&
        pointer <= y(lowerBound(each.row * BUCKETS_A_ROW)) &&
        pointer > y(lowerBound((each.row + 1) * BUCKETS_A_ROW)),
    );
    if (!cell) {
      return null;
    }
    const from = lowerBound(cell.row * BUCKETS_A_ROW);
    const to = lowerBound((cell.row + 1) * BUCKETS_A_ROW);
    return [
      el('div', {class: 'tip-title'}, time(this.series.start_us + bin * this.series.bin_us)),
      el('div', {}, `${duration(from)} to ${duration(to)}: ${count(cell.count)} ${cell.count === 1 ? 'request' : 'requests'}`),
    ];
  }
}
