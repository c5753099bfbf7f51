// metrics.html: own metrics as charts, by group and in the order they were declared in.
import {data, Metric, MetricSeries} from './data';
import {Child, el, figures, section} from './dom';
import {count, plural, time} from './format';
import {Plot, PlotData, PlotSeries, zoomButtons} from './plot';
import {Range, TimeAxis} from './time_axis';
import {View} from './view';

const COLOURS = ['c-p90', 'c-p99', 'c-p50', 'c-memory', 'c-cpu', 'c-requests'];
const RESOLUTIONS: Record<number, string> = {60: 'minute', 3600: 'hour', 86400: 'day'};

export function showMetrics(main: HTMLElement): View {
  const content = el('div', {});
  let axis: TimeAxis | null = null;
  let shown = '';
  let plots: {plot: Plot; name: string}[] = [];
  const build = (metrics: Metric[]) => {
    const known = new TimeAxis(rangeOf(metrics));
    axis = known;
    plots = [];
    const groups = [...new Set(metrics.map(({group}) => group))];
    content.replaceChildren(
      el('p', {class: 'lead'}, metrics.length === 0 ? 'There are no own metrics.' : `${plural(metrics.length, 'own metric')}.`),
      ...(metrics.length === 0 ? [] : [zoomButtons(known)]),
      ...groups.map((group) =>
        section(
          group === '' ? 'Without a group' : group,
          el('div', {class: 'plots'}, ...metrics.filter((m) => m.group === group).map((m) => metricChart(m, known, plots))),
        ),
      ),
    );
  };
  const update = () => {
    const {metrics = []} = data();
    // Charts keep their zoom while only values change.
    const shape = metrics.map(({name, chart, group}) => [name, chart, group].join('\n')).join('\n\n');
    if (axis === null || shape !== shown || metrics.some(({chart}) => chart === 'number')) {
      shown = shape;
      build(metrics);
      return;
    }
    axis.extend(rangeOf(metrics));
    for (const {plot, name} of plots) {
      const metric = metrics.find((m) => m.name === name);
      if (metric) {
        plot.setData(plotOf(metric));
      }
    }
  };
  update();
  main.append(content);
  return {update};
}

function rangeOf(metrics: Metric[]): Range {
  const starts = metrics.flatMap(({series}) => series.flatMap(({points}) => points.map(([start]) => start)));
  const widest = Math.max(60, ...metrics.map(({resolution_s}) => resolution_s));
  const [first, last] = starts.reduce(([low, high], at) => [Math.min(low, at), Math.max(high, at)], [Infinity, -Infinity]);
  return starts.length === 0 ? [0, 1e6] : [first * 1e6, (last + widest) * 1e6];
}

function number(value: number): string {
  return Math.abs(value) >= 1000 && Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
}

function withUnit(unit: string): (value: number) => string {
  return (value) => (unit === '' ? number(value) : `${number(value)} ${unit}`);
}

// What a bin of this kind shows: a counter's sum, a timing's mean, what a gauge was last.
function binValue(kind: string, [, values, sum, , , last]: MetricSeries['points'][0]): number | null {
  if (kind === 'counter') {
    return sum;
  }
  return kind === 'timing' ? (values !== null && values > 0 && sum !== null ? sum / values : null) : last;
}

function what(metric: Metric): string {
  const each = RESOLUTIONS[metric.resolution_s] ?? 'bin';
  const meaning: Record<string, string> = {counter: 'sum', timing: 'mean', set: 'distinct values', gauge: 'last value'};
  return `${meaning[metric.kind] ?? 'value'} a ${each}`;
}

function plotOf(metric: Metric): PlotData {
  const starts = [...new Set(metric.series.flatMap(({points}) => points.map(([start]) => start)))].sort((a, b) => a - b);
  const series = metric.series.map(({tags, points}, index): PlotSeries => {
    const at = new Map(points.map((point) => [point[0], binValue(metric.kind, point)]));
    return {
      name: tags === '' ? metric.title : tags,
      kind: metric.chart === 'bars' ? 'bar' : 'line',
      colour: COLOURS[index % COLOURS.length] ?? 'c-p90',
      values: starts.map((start) => at.get(start) ?? null),
    };
  });
  return {
    times: starts.map((start) => start * 1e6),
    bin_us: metric.resolution_s * 1e6,
    series: metric.chart === 'bars' ? stacked(series) : series,
  };
}

// Bars stand on each other: each is drawn from the bottom to its top, before those below it.
function stacked(series: PlotSeries[]): PlotSeries[] {
  return series.map((each, index) => ({
    ...each,
    told: each.values,
    values: each.values.map((_, bin) => series.slice(index).reduce((sum, {values}) => sum + (values[bin] ?? 0), 0)),
  }));
}

function metricChart(metric: Metric, axis: TimeAxis, plots: {plot: Plot; name: string}[]): HTMLElement {
  const format = withUnit(metric.unit);
  if (metric.chart === 'number' || metric.series.every(({points}) => points.length === 0)) {
    const shown = metric.kind === 'counter' ? metric.sum : metric.last;
    const note = metric.last_us === null ? 'never had a value' : `last at ${time(metric.last_us)}`;
    return el('div', {class: 'number-card'}, figures([[metric.title, shown === null ? '–' : format(shown), `${metric.kind === 'counter' ? 'in all, ' : ''}${note}`]]));
  }
  const left: Child = metric.series_left > 0 ? el('p', {class: 'note'}, `${plural(metric.series_left, 'smaller series', 'smaller series')} not drawn.`) : null;
  const plot = new Plot(plotOf(metric), {title: metric.title, format, axis, note: what(metric)});
  plots.push({plot, name: metric.name});
  return el('div', {}, plot.element, left);
}
