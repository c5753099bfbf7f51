// Charts over time as SVG, drawn at the width there is, so that text keeps its size. Dragging zooms,
// as do the keys + and -, the arrows move, Escape shows all: in every chart of the same TimeAxis.
import {scaleLinear, scaleTime} from 'd3-scale';
import {area as areaShape, line as lineShape} from 'd3-shape';
import {Child, el, svg} from './dom';
import {time} from './format';
import {Range, tickText, TimeAxis} from './time_axis';

export interface PlotSeries {
  name: string;
  kind: 'bar' | 'line' | 'area';
  colour: string; // a class of styles/chart.css
  values: (number | null)[];
  told?: (number | null)[]; // what the tip says where that is another: of bars that stand on others
}

export interface PlotData {
  times: number[]; // where the bins begin, microseconds
  bin_us: number;
  series: PlotSeries[];
}

export interface PlotOptions {
  title: string;
  format: (value: number) => string;
  axis: TimeAxis;
  height?: number;
  ticks?: (largest: number) => number[]; // where the unit's round figures are not the decimal ones
  note?: string;
}

export const LEFT = 62;
const RIGHT = 14;
const TOP = 8;
const BOTTOM = 22;
const WIDEST_BAR = 48;
const LEAST_WIDTH = 240;
const DRAG_PX = 5;

// What a chart's picture is made of, for what is drawn in it.
export interface Frame {
  width: number; // of the whole picture
  height: number; // of the plot
  top: number;
  x: (us: number) => number;
}

export abstract class TimeChart {
  readonly element: HTMLElement;
  protected readonly area = el('div', {class: 'chart'});
  private readonly tip = el('div', {class: 'tip', hidden: ''});
  private readonly caption: HTMLElement;
  private drawnWidth = 0;

  constructor(
    protected readonly options: PlotOptions,
    private readonly legend: () => Child[],
  ) {
    this.caption = el('figcaption', {});
    this.element = el('figure', {class: 'plot'}, this.caption, this.area, this.tip);
    this.area.tabIndex = 0;
    this.area.setAttribute('role', 'application');
    this.area.setAttribute('aria-roledescription', 'chart');
    new ResizeObserver(() => {
      if (this.area.clientWidth !== this.drawnWidth) {
        this.draw();
      }
    }).observe(this.area);
    options.axis.onChange(() => this.draw());
    this.area.addEventListener('pointermove', (event) => this.point(event));
    this.area.addEventListener('pointerleave', () => (this.tip.hidden = true));
    this.area.addEventListener('pointerdown', (event) => this.drag(event));
    this.area.addEventListener('dblclick', () => options.axis.reset());
    this.area.addEventListener('keydown', (event) => this.key(event));
  }

  draw(): void {
    this.drawnWidth = this.area.clientWidth;
    const {title, note} = this.options;
    this.caption.replaceChildren(el('span', {class: 'plot-title'}, title), ...this.legend().filter((c) => c !== null));
    if (note !== undefined) {
      this.caption.append(el('span', {class: 'plot-note'}, note));
    }
    this.area.setAttribute('aria-label', `${title}. ${this.summary()}`);
    const width = Math.max(this.drawnWidth, LEAST_WIDTH);
    const plotHeight = (this.options.height ?? 150) - TOP - BOTTOM;
    const scale = scaleTime(this.options.axis.range, [LEFT, width - RIGHT]);
    const frame: Frame = {width, height: plotHeight, top: TOP, x: (us) => scale(us)};
    const clip = `clip-${nextId++}`;
    this.area.replaceChildren(
      svg(
        'svg',
        {viewBox: `0 0 ${width} ${plotHeight + TOP + BOTTOM}`, width, height: plotHeight + TOP + BOTTOM, 'aria-hidden': 'true'},
        svg(
          'clipPath',
          {id: clip},
          svg('rect', {x: LEFT, y: 0, width: Math.max(0, width - LEFT - RIGHT), height: TOP + plotHeight + 1}),
        ),
        ...this.timeTicks(frame),
        ...this.scaleMarks(frame),
        svg('g', {'clip-path': `url(#${clip})`}, ...this.marks(frame)),
        svg('line', {class: 'cursor', x1: 0, x2: 0, y1: TOP, y2: TOP + plotHeight, visibility: 'hidden'}),
        svg('rect', {class: 'brush', x: 0, y: TOP, width: 0, height: plotHeight}),
      ),
    );
  }

  protected abstract marks(frame: Frame): Child[];
  protected abstract scaleMarks(frame: Frame): Child[];
  protected abstract summary(): string;
  // What the tip says of this place; null: nothing there.
  protected abstract tell(us: number, y: number, frame: Frame): Child[] | null;

  private timeTicks(frame: Frame): Child[] {
    const {range} = this.options.axis;
    const scale = scaleTime([new Date(range[0] / 1000), new Date(range[1] / 1000)], [LEFT, frame.width - RIGHT]);
    const fit = Math.max(2, Math.floor((frame.width - LEFT) / 110));
    const y = frame.top + frame.height;
    return scale.ticks(fit).map((date) => {
      const x = scale(date);
      const text = tickText(date.getTime() * 1000, range);
      const cut = x + 3.2 * text.length > frame.width;
      return svg(
        'g',
        {},
        svg('line', {class: 'tick', x1: x, x2: x, y1: y, y2: y + 4}),
        cut ? null : svg('text', {x, y: y + 16, 'text-anchor': 'middle'}, text),
      );
    });
  }

  private usAt(event: PointerEvent): number {
    const box = this.area.getBoundingClientRect();
    const width = Math.max(this.drawnWidth, LEAST_WIDTH);
    const [from, to] = this.options.axis.range;
    const part = (event.clientX - box.left - LEFT) / (width - LEFT - RIGHT);
    return from + Math.min(1, Math.max(0, part)) * (to - from);
  }

  private frameNow(): Frame {
    const width = Math.max(this.drawnWidth, LEAST_WIDTH);
    const scale = scaleTime(this.options.axis.range, [LEFT, width - RIGHT]);
    return {width, height: (this.options.height ?? 150) - TOP - BOTTOM, top: TOP, x: (us) => scale(us)};
  }

  private point(event: PointerEvent): void {
    const box = this.area.getBoundingClientRect();
    const us = this.usAt(event);
    const frame = this.frameNow();
    const told = this.tell(us, event.clientY - box.top, frame);
    const cursor = this.area.querySelector('.cursor');
    this.tip.hidden = told === null;
    cursor?.setAttribute('visibility', told === null ? 'hidden' : 'visible');
    if (told === null) {
      return;
    }
    cursor?.setAttribute('x1', String(frame.x(us)));
    cursor?.setAttribute('x2', String(frame.x(us)));
    this.tip.replaceChildren(...told.filter((c) => c !== null));
    const figure = this.element.getBoundingClientRect();
    const left = event.clientX - figure.left + 14;
    const room = figure.width - this.tip.offsetWidth - 4;
    this.tip.style.left = `${left > room ? Math.max(4, left - this.tip.offsetWidth - 28) : left}px`;
    this.tip.style.top = `${event.clientY - figure.top + 12}px`;
  }

  private drag(down: PointerEvent): void {
    if (down.button !== 0 || down.pointerType === 'touch') {
      return;
    }
    const from = this.usAt(down);
    const brush = this.area.querySelector('.brush');
    const frame = this.frameNow();
    const move = (event: PointerEvent) => {
      const [left, right] = [frame.x(from), frame.x(this.usAt(event))].sort((a, b) => a - b);
      brush?.setAttribute('x', String(left));
      brush?.setAttribute('width', String((right ?? 0) - (left ?? 0)));
    };
    const up = (event: PointerEvent) => {
      window.removeEventListener('pointermove', move);
      brush?.setAttribute('width', '0');
      const to = this.usAt(event);
      if (Math.abs(frame.x(to) - frame.x(from)) >= DRAG_PX) {
        this.options.axis.zoom(from < to ? [from, to] : [to, from]);
      }
    };
    down.preventDefault();
    this.area.focus({preventScroll: true});
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', up, {once: true});
  }

  private key(event: KeyboardEvent): void {
    const {axis} = this.options;
    const actions: Record<string, () => void> = {
      '+': () => axis.by(0.5),
      '-': () => axis.by(2),
      ArrowLeft: () => axis.move(-0.25),
      ArrowRight: () => axis.move(0.25),
      Escape: () => axis.reset(),
    };
    const action = actions[event.key];
    if (action && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      action();
    }
  }
}

let nextId = 0;

export class Plot extends TimeChart {
  constructor(
    private plotted: PlotData,
    options: PlotOptions,
  ) {
    super(options, () => (this.plotted.series.length < 2 ? [] : this.plotted.series.map(legendEntry)));
  }

  setData(plotted: PlotData): void {
    this.plotted = plotted;
    this.draw();
  }

  protected summary(): string {
    return this.plotted.series
      .map(({name, values, told}) => {
        const known = (told ?? values).filter((value): value is number => value !== null);
        return known.length === 0
          ? `${name}: not known`
          : `${name}: ${this.options.format(Math.min(...known))} to ${this.options.format(Math.max(...known))}`;
      })
      .join('; ');
  }

  private visible([from, to]: Range): number[] {
    const {times, bin_us} = this.plotted;
    return times.flatMap((us, index) => (us + bin_us > from && us < to ? [index] : []));
  }

  private scaleY(frame: Frame): {y: (value: number) => number; ticks: number[]} {
    const visible = this.visible(this.options.axis.range);
    let largest = 0;
    for (const {values} of this.plotted.series) {
      for (const index of visible) {
        largest = Math.max(largest, values[index] ?? 0);
      }
    }
    const own = largest > 0 ? this.options.ticks?.(largest) : undefined;
    const scale = scaleLinear([0, largest > 0 ? largest : 1], [frame.top + frame.height, frame.top]);
    if (own) {
      scale.domain([0, own[own.length - 1] ?? 1]);
      return {y: (value) => scale(value), ticks: own};
    }
    scale.nice(3);
    return {y: (value) => scale(value), ticks: largest > 0 ? scale.ticks(3) : [0]};
  }

  protected scaleMarks(frame: Frame): Child[] {
    const {y, ticks} = this.scaleY(frame);
    return ticks.map((tick) =>
      svg(
        'g',
        {},
        svg('line', {class: 'grid', x1: LEFT, x2: frame.width - RIGHT, y1: y(tick), y2: y(tick)}),
        svg('text', {x: LEFT - 8, y: y(tick) + 4, 'text-anchor': 'end'}, tick === 0 ? '0' : this.options.format(tick)),
      ),
    );
  }

  protected marks(frame: Frame): Child[] {
    const {y} = this.scaleY(frame);
    const {times, bin_us} = this.plotted;
    const bottom = frame.top + frame.height;
    const slot = frame.x((times[0] ?? 0) + bin_us) - frame.x(times[0] ?? 0);
    const middle = (index: number) => frame.x((times[index] ?? 0) + bin_us / 2);
    const visible = this.visible(this.options.axis.range);
    return this.plotted.series.map(({kind, colour, values}) => {
      if (kind === 'bar') {
        const width = Math.max(1, Math.min(slot - (slot > 4 ? 1 : 0), Math.max(WIDEST_BAR, slot / 3)));
        const bars = visible
          .filter((index) => (values[index] ?? 0) > 0)
          .map((index) => `M${middle(index) - width / 2} ${bottom}V${Math.min(y(values[index] ?? 0), bottom - 1)}h${width}V${bottom}z`);
        return svg('path', {class: `bars ${colour}`, d: bars.join('')});
      }
      const points = times.map((_, index) => ({x: middle(index), value: values[index] ?? null}));
      const defined = ({value}: {value: number | null}) => value !== null;
      const shape = lineShape<(typeof points)[0]>((p) => p.x, (p) => y(p.value ?? 0)).defined(defined);
      const fill = areaShape<(typeof points)[0]>((p) => p.x, bottom, (p) => y(p.value ?? 0)).defined(defined);
      // A bin between two empty ones has no line.
      const alone = points.filter(
        (p, index) => p.value !== null && (points[index - 1]?.value ?? null) === null && (points[index + 1]?.value ?? null) === null,
      );
      return svg(
        'g',
        {class: colour},
        kind === 'area' ? svg('path', {class: 'fill', d: fill(points) ?? ''}) : null,
        svg('path', {class: 'line', d: shape(points) ?? ''}),
        ...alone.map((p) => svg('circle', {cx: p.x, cy: y(p.value ?? 0), r: 3})),
      );
    });
  }

  protected tell(us: number): Child[] | null {
    const {times, bin_us, series} = this.plotted;
    let index = times.findIndex((start) => us >= start && us < start + bin_us);
    if (index < 0 && times.length > 0) {
      index = times.reduce((best, start, at) => (Math.abs(start - us) < Math.abs((times[best] ?? 0) - us) ? at : best), 0);
      if (Math.abs((times[index] ?? 0) - us) > 3 * bin_us) {
        return null;
      }
    }
    if (index < 0) {
      return null;
    }
    return [
      el('div', {class: 'tip-title'}, time(times[index] ?? 0)),
      ...series.map(({name, colour, values, told}) => {
        const value = (told ?? values)[index] ?? null;
        return el(
          'div',
          {class: 'tip-row'},
          el('span', {class: `key ${colour}`, 'aria-hidden': 'true'}),
          el('span', {}, name),
          el('span', {class: 'tip-value'}, value === null ? '–' : this.options.format(value)),
        );
      }),
    ];
  }
}

function legendEntry({name, colour}: PlotSeries): HTMLElement {
  return el('span', {class: 'chart-key'}, el('span', {class: `key ${colour}`, 'aria-hidden': 'true'}), name);
}

// Zoom for those who do not drag: one for all charts of an axis.
export function zoomButtons(axis: TimeAxis): HTMLElement {
  const button = (text: string, label: string | null, action: () => void) => {
    const element = el('button', {type: 'button', ...(label === null ? {} : {'aria-label': label})}, text);
    element.addEventListener('click', action);
    return element;
  };
  const all = button('Whole time', null, () => axis.reset());
  const update = () => (all.disabled = !axis.zoomed);
  axis.onChange(update);
  update();
  return el(
    'div',
    {class: 'zoom', role: 'group', 'aria-label': 'Zoom of the charts over time'},
    button('\u2212', 'Zoom out', () => axis.by(2)),
    button('+', 'Zoom in', () => axis.by(0.5)),
    button('\u2190', 'Earlier', () => axis.move(-0.25)),
    button('\u2192', 'Later', () => axis.move(0.25)),
    all,
    el('span', {class: 'note'}, 'or drag across a chart'),
  );
}
