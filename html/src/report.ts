// The entry of every page: <body data-page> says which one, window.pinfoData holds its data.
import {data} from './data';
import {el} from './dom';
import {time, timeZone} from './format';
import {keepLive} from './live';
import {showMetrics} from './metrics';
import {showMonitors} from './monitors';
import {showOverview} from './overview';
import {showProcesses} from './processes';
import {showRequest} from './request';
import {showRequests} from './requests';
import {showRoute} from './route';
import {showRoutes, showSites} from './routes';
import {View} from './view';

type Shown = View | null | Promise<View | null>;

const PAGES: Record<string, (main: HTMLElement) => Shown> = {
  overview: showOverview,
  requests: showRequests,
  sites: showSites,
  routes: showRoutes,
  processes: showProcesses,
  monitors: showMonitors,
  metrics: showMetrics,
  request: showRequest,
  route: showRoute,
};

function restriction(): HTMLElement | null {
  const {site, route, since_us, until_us} = data().report;
  const terms = [
    site === null ? '' : `site ${site}`,
    route === null ? '' : `route ${route}`,
    since_us === null ? '' : `since ${time(since_us)}`,
    until_us === null ? '' : `until ${time(until_us)}`,
  ].filter((term) => term !== '');
  if (terms.length === 0) {
    return null;
  }
  return el(
    'p',
    {class: 'notice'},
    `Restricted to ${terms.join(', ')}. Counts are kept by the minute: one that begins or ends within it counts as a whole. ` +
      'Processes, sessions, samples and losses are those of the whole database.',
  );
}

function footer(): HTMLElement {
  const {version, written_us, database, values_shown, live} = data().report;
  return el(
    'footer',
    {},
    el(
      'p',
      {},
      live
        ? `Served by pinfo ${version} from ${database}. Times of day in ${timeZone()}.`
        : `Written by pinfo ${version} on ${time(written_us)} from ${database}. Times of day in ${timeZone()}.`,
    ),
    values_shown ? null : el('p', {}, 'Query-string values are masked as ?key=... (--show-values keeps them).'),
  );
}

async function start(): Promise<void> {
  const main = document.querySelector('main');
  const show = PAGES[document.body.dataset['page'] ?? ''];
  if (!main || !show) {
    return;
  }
  const notice = restriction();
  if (notice) {
    main.append(notice);
  }
  document.body.append(footer());
  const view = await show(main);
  document.body.dataset['ready'] = 'yes';
  if (data().report.live && view) {
    keepLive(view);
  }
}

void start();
