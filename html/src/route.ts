// route.html#KEY: all requests of one route.
import {loadRoute, Request, RoutePage} from './data';
import {el, figures, section} from './dom';
import {bytes, count, duration, percent, plural, rate} from './format';
import {HeatMap} from './heat_map';
import {histogram} from './histogram';
import {binName, latencyPlotData, requestPlotData, seriesRange} from './overview';
import {Plot, zoomButtons} from './plot';
import {profileSections} from './profile_sections';
import {requestColumns} from './requests';
import {requestsOf} from './routes';
import {TableView} from './table_view';
import {TimeAxis} from './time_axis';
import {splitKeys} from './time_split';

export async function showRoute(main: HTMLElement): Promise<null> {
  window.addEventListener('hashchange', () => location.reload());
  const key = location.hash.slice(1);
  let page: RoutePage;
  try {
    if (!/^[0-9a-f]{16}$/.test(key)) {
      throw new Error('no route is named');
    }
    page = await loadRoute(key);
  } catch {
    main.append(el('p', {class: 'notice'}, 'This route has no page in this report. ', el('a', {href: 'routes.html'}, 'All routes')));
    return null;
  }
  const {site, route, profile} = page;
  const heading = main.querySelector('h1');
  document.title = `${route} · pinfo`;
  if (heading) {
    heading.textContent = route === '' ? '(none)' : route;
  }
  main.append(
    el(
      'p',
      {class: 'lead'},
      'Route ',
      site === '' ? '' : `of ${site}. `,
      el('a', {href: requestsOf(site, route)}, `All its requests in this report`),
    ),
    totals(page),
    charts(page),
    slowest(page.slowest),
    ...(profile.samples > 0 || profile.requests > 0
      ? [
          el(
            'p',
            {class: 'lead'},
            `What follows is the profile of all ${plural(profile.requests, 'request')} kept of this route, ${duration(profile.total_ns)} together.`,
          ),
          ...profileSections(profile, `route-${page.key}`),
        ]
      : []),
  );
  return null;
}

function totals({latency, series}: RoutePage): HTMLElement {
  const some = latency.count > 0;
  const text = (ns: number) => duration(some ? ns : null);
  const seconds = (series.count.length * series.bin_us) / 1e6;
  return figures([
    ['Requests', count(latency.count), some && seconds > 0 ? rate(latency.count / seconds) : ''],
    ['Failed', count(latency.failed), some ? percent(latency.failed, latency.count) : ''],
    ['Median', text(latency.p50_ns)],
    ['90th percentile', text(latency.p90_ns)],
    ['99th percentile', text(latency.p99_ns)],
    ['Slowest', text(latency.max_ns)],
    ['All time', text(latency.sum_ns), 'of its requests together'],
    ['Mean on CPU', duration(latency.timed > 0 ? latency.on_cpu_sum_ns / latency.timed : null)],
    ['Sent', bytes(latency.bytes_out), `${bytes(latency.bytes_in)} received`],
  ]);
}

function charts({series, latency}: RoutePage): HTMLElement {
  if (series.count.length === 0) {
    return el('div', {});
  }
  const axis = new TimeAxis(seriesRange(series));
  const requests = new Plot(requestPlotData(series), {title: `Requests a ${binName(series.bin_us)}`, format: count, axis});
  const latencies = new Plot(latencyPlotData(series), {title: 'Latency', format: duration, axis});
  const heat = new HeatMap(series, {title: 'Where latencies lie', axis, height: 210});
  return section(
    'Latency',
    zoomButtons(axis),
    el('div', {class: 'plots two'}, histogram(series, latency), heat.element, requests.element, latencies.element),
  );
}

function slowest(requests: Request[]): HTMLElement {
  const columns = requestColumns({severalSites: false, severalDays: true});
  return section(
    'Slowest requests',
    splitKeys(),
    new TableView('Slowest requests', columns, requests, {column: 'latency', descending: true}).element,
  );
}
