// The entry of every page: <body data-page> says which one, window.pinfoData holds its data.
import {data} from './data';
import {el} from './dom';
import {time, timeZone} from './format';
import {showOverview} from './overview';
import {showProcesses} from './processes';
import {showRequest} from './request';
import {showRequests} from './requests';
import {showRoutes} from './routes';

const PAGES: Record<string, (main: HTMLElement) => void> = {
  overview: showOverview,
  requests: showRequests,
  routes: showRoutes,
  processes: showProcesses,
  request: showRequest,
};

function restriction(): HTMLElement | null {
  const {site, route, since_us} = data().report;
  const terms = [
    site === null ? '' : `site ${site}`,
    route === null ? '' : `route ${route}`,
    since_us === null ? '' : `since ${time(since_us)}`,
  ].filter((term) => term !== '');
  if (terms.length === 0) {
    return null;
  }
  return el(
    'p',
    {class: 'notice'},
    `Requests and their pages are restricted to ${terms.join(', ')}. Totals, processes and sessions ` +
      'cover the whole database; routes follow the site and route, the chart follows the time.',
  );
}

function footer(): HTMLElement {
  const {version, written_us, database, values_shown} = data().report;
  return el(
    'footer',
    {},
    el('p', {}, `Written by pinfo ${version} on ${time(written_us)} from ${database}. Times of day in ${timeZone()}.`),
    values_shown ? null : el('p', {}, 'Query-string values are masked as ?key=... (pinfo report --show-values keeps them).'),
  );
}

const main = document.querySelector('main');
const show = PAGES[document.body.dataset['page'] ?? ''];
if (main && show) {
  const notice = restriction();
  if (notice) {
    main.append(notice);
  }
  show(main);
  document.body.append(footer());
}
