// Requests and latency over time: two small charts on one time axis, drawn at the width there is,
// so that text keeps its size.
import {Bin} from './data';
import {Child, el, svg} from './dom';
import {count, day, duration, minute, time} from './format';

const HEIGHT = 130;
const LEFT = 64;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 22;

// Bars grow no wider than this, or than a third of their slot where there are few.
const WIDEST_BAR = 40;
// Where slots are this wide, a minute has a dot in the lines and its label below its middle.
const DOTTED_SLOT = 12;
const LABELLED_SLOT = 80;

interface Scale {
  width: number; // of the plot, without the axes
  bins: Bin[];
  top: number; // the value at the upper edge
}

export function timeChart(bins: Bin[], bin_us: number, every: string): HTMLElement {
  const last = bins[bins.length - 1];
  if (!last) {
    return el('p', {}, 'No requests were seen.');
  }
  const all = bins.reduce((sum, bin) => sum + bin.count, 0);
  const span = `from ${time(bins[0]?.start_us ?? null)} to ${time(last.start_us + bin_us)}`;
  const requests = el('div', {class: 'chart'});
  const latency = el('div', {class: 'chart'});
  const draw = () => {
    const width = Math.max(requests.clientWidth, 280);
    requests.replaceChildren(requestChart(bins, width, every, `${count(all)} requests ${span}`));
    latency.replaceChildren(latencyChart(bins, width, `Latency ${span}`));
  };
  new ResizeObserver(draw).observe(requests);
  return el(
    'figure',
    {class: 'charts'},
    el('figcaption', {}, `Requests per ${every}; `, key('bar-failed', 'failed')),
    requests,
    el(
      'p',
      {class: 'figcaption'},
      'Latency: ',
      key('line-p99', `p99 ${every === 'minute' ? 'of the minute' : 'of the worst minute'}`),
      ', ',
      key('line-mean', 'mean'),
    ),
    latency,
  );
}

function key(kind: string, name: string): HTMLElement {
  return el('span', {class: 'chart-key'}, el('span', {class: `key ${kind}`, 'aria-hidden': 'true'}), name);
}

// The least of 1, 2, 5 times a power of ten that is not below value.
export function niceCeiling(value: number): number {
  if (value <= 0) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 5]) {
    if (step * power >= value) {
      return step * power;
    }
  }
  return 10 * power;
}

function frame(scale: Scale, label: string, format: (value: number) => string, marks: Child[]): SVGSVGElement {
  const width = scale.width + LEFT + RIGHT;
  const axis: Child[] = [0, 0.5, 1].map((part) => {
    const y = TOP + HEIGHT * (1 - part);
    return svg(
      'g',
      {},
      svg('line', {class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y, y2: y}),
      svg('text', {x: LEFT - 8, y: y + 4, 'text-anchor': 'end'}, format(part * scale.top)),
    );
  });
  const ticks = timeTicks(scale).map(({x, text, anchor}) =>
    svg('text', {x, y: TOP + HEIGHT + 16, 'text-anchor': anchor}, text),
  );
  const height = TOP + HEIGHT + BOTTOM;
  return svg(
    'svg',
    {role: 'img', 'aria-label': label, viewBox: `0 0 ${width} ${height}`, width, height},
    ...axis,
    ...ticks,
    ...marks,
  );
}

function timeTicks({bins, width}: Scale): {x: number; text: string; anchor: string}[] {
  const first = bins[0];
  const last = bins[bins.length - 1];
  if (!first || !last) {
    return [];
  }
  const slot = width / bins.length;
  const severalDays = day(first.start_us) !== day(last.start_us);
  const fit = Math.max(1, Math.floor(width / (severalDays ? 150 : 80)));
  const step = tickStep(bins.length / fit);
  const ticks = [];
  for (let index = 0; index < bins.length; index += step) {
    const us = bins[index]?.start_us ?? 0;
    const centred = slot >= LABELLED_SLOT && !severalDays;
    ticks.push({
      x: LEFT + (index + (centred ? 0.5 : 0)) * slot,
      text: severalDays ? `${day(us)} ${minute(us)}` : minute(us),
      anchor: centred ? 'middle' : index === 0 ? 'start' : index + step / 2 > bins.length ? 'end' : 'middle',
    });
  }
  return ticks;
}

// As people count minutes.
function tickStep(least: number): number {
  return [1, 2, 5, 10, 15, 20, 30, 60, 120].find((step) => step >= least) ?? 240;
}

function requestChart(bins: Bin[], chartWidth: number, every: string, label: string): SVGSVGElement {
  const width = chartWidth - LEFT - RIGHT;
  const top = niceCeiling(Math.max(...bins.map((bin) => bin.count)));
  const step = width / bins.length;
  const gap = step > 4 ? 1 : 0;
  const barWidth = Math.min(step - gap, Math.max(WIDEST_BAR, step / 3));
  const bar = (kind: string, index: number, value: number) => {
    const height = (HEIGHT * value) / top;
    return svg('rect', {
      class: kind,
      x: LEFT + (index + 0.5) * step - barWidth / 2,
      y: TOP + HEIGHT - height,
      width: barWidth,
      height,
    });
  };
  const marks = bins.map((bin, index) =>
    svg(
      'g',
      {},
      svg('title', {}, `${time(bin.start_us)}: ${count(bin.count)} a ${every}, ${count(bin.failed)} failed`),
      bar('bar', index, bin.count),
      bin.failed > 0 ? bar('bar-failed', index, bin.failed) : null,
    ),
  );
  return frame({width, bins, top}, label, count, marks);
}

function latencyChart(bins: Bin[], chartWidth: number, label: string): SVGSVGElement {
  const width = chartWidth - LEFT - RIGHT;
  const top = niceCeiling(Math.max(...bins.map((bin) => bin.p99_ns ?? 0)));
  const step = width / bins.length;
  const line = (kind: string, name: string, value: (bin: Bin) => number | null) => {
    let path = '';
    const dots: Child[] = [];
    let drawing = false;
    bins.forEach((bin, index) => {
      const ns = value(bin);
      if (ns === null) {
        drawing = false;
        return;
      }
      const x = (LEFT + (index + 0.5) * step).toFixed(1);
      const known = (at: number) => bins[at] !== undefined && value(bins[at]) !== null;
      const alone = !known(index - 1) && !known(index + 1);
      const y = (TOP + HEIGHT * (1 - Math.min(ns / top, 1))).toFixed(1);
      path += drawing ? `L${x} ${y}` : `M${x} ${y}`;
      // A bin between two empty ones has no line.
      if (step >= DOTTED_SLOT || alone) {
        const title = svg('title', {}, `${time(bin.start_us)}: ${name} ${duration(ns)}`);
        dots.push(svg('circle', {class: kind, cx: x, cy: y, r: 3}, title));
      }
      drawing = true;
    });
    return svg('g', {}, svg('path', {class: kind, d: path}), ...dots);
  };
  const marks = [line('line-p99', 'p99', (bin) => bin.p99_ns), line('line-mean', 'mean', (bin) => bin.mean_ns)];
  return frame({width, bins, top}, label, (ns) => (ns === 0 ? '0' : duration(ns)), marks);
}
