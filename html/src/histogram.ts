// How many requests took how long: one bar a bucket, latency to the right by powers, with the
// percentiles marked.
import {scaleLinear, scaleLog} from 'd3-scale';
import {Latency, Series} from './data';
import {el, svg} from './dom';
import {count, duration} from './format';
import {latencyTicks, lowerBound} from './latency_buckets';

const HEIGHT = 210;
const LEFT = 62;
const RIGHT = 16;
const TOP = 26;
const BOTTOM = 24;

export function histogram(series: Series, latency: Latency): HTMLElement {
  const sums = new Map<number, number>();
  for (let i = 0; i + 2 < series.heat.length; i += 3) {
    const bucket = series.heat[i + 1] ?? 0;
    sums.set(bucket, (sums.get(bucket) ?? 0) + (series.heat[i + 2] ?? 0));
  }
  const buckets = [...sums].filter(([, requests]) => requests > 0).sort(([a], [b]) => a - b);
  const area = el('div', {class: 'chart'});
  const figure = el('figure', {class: 'plot'}, el('figcaption', {}, el('span', {class: 'plot-title'}, 'Requests by latency')), area);
  const first = buckets[0];
  const last = buckets[buckets.length - 1];
  if (!first || !last) {
    area.append(el('p', {class: 'note'}, 'No latencies are known.'));
    return figure;
  }
  const draw = () => area.replaceChildren(picture(buckets, [first[0], last[0] + 1], latency, Math.max(area.clientWidth, 240)));
  new ResizeObserver(draw).observe(area);
  return figure;
}

function picture(buckets: [number, number][], ends: [number, number], latency: Latency, width: number): SVGSVGElement {
  const [low, high] = [Math.max(1, lowerBound(ends[0])), lowerBound(ends[1])];
  const x = scaleLog([low, high], [LEFT, width - RIGHT]);
  const most = Math.max(...buckets.map(([, requests]) => requests));
  const bottom = HEIGHT - BOTTOM;
  const y = scaleLinear([0, most], [bottom, TOP]).nice(3);
  const bars = buckets.map(([bucket, requests]) => {
    const left = x(Math.max(1, lowerBound(bucket)));
    const right = x(lowerBound(bucket + 1));
    return svg(
      'path',
      {class: 'bars c-requests', d: `M${left} ${bottom}V${Math.min(y(requests), bottom - 1)}H${Math.max(left + 0.5, right - (right - left > 3 ? 0.8 : 0))}V${bottom}z`},
      svg('title', {}, `${duration(lowerBound(bucket))} to ${duration(lowerBound(bucket + 1))}: ${count(requests)}`),
    );
  });
  let before = -Infinity;
  const marks: [string, number][] = [
    ['p50', latency.p50_ns],
    ['p90', latency.p90_ns],
    ['p99', latency.p99_ns],
  ];
  const percentiles = marks.map(([name, ns]) => {
    const at = x(Math.min(high, Math.max(low, ns)));
    const room = at - before > 34;
    before = room ? at : before;
    return svg(
      'g',
      {},
      svg('line', {class: 'percentile', x1: at, x2: at, y1: TOP - 8, y2: bottom}),
      room ? svg('text', {x: at, y: TOP - 12, 'text-anchor': 'middle'}, name) : null,
    );
  });
  const label = `Requests by latency, from ${duration(low)} to ${duration(high)}; median ${duration(latency.p50_ns)}, 99th percentile ${duration(latency.p99_ns)}`;
  return svg(
    'svg',
    {role: 'img', 'aria-label': label, viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT},
    ...y.ticks(3).map((tick) =>
      svg(
        'g',
        {},
        svg('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick)}),
        svg('text', {x: LEFT - 8, y: y(tick) + 4, 'text-anchor': 'end'}, count(tick)),
      ),
    ),
    ...latencyTicks(low, high, (width - LEFT) / 60).map((tick) =>
      svg('text', {x: x(tick), y: bottom + 17, 'text-anchor': 'middle'}, duration(tick, true)),
    ),
    ...bars,
    ...percentiles,
  );
}
