// Which requests the table shows.
import {Request} from './data';

export interface Filter {
  text: string; // in target, route or site, in either case
  site: string | null;
  route: string | null;
  method: string | null;
  status: string | null;
  slower_ms: number | null;
  failed: boolean;
  page: boolean; // has a page of its own
}

export const EMPTY_FILTER: Filter = {
  text: '',
  site: null,
  route: null,
  method: null,
  status: null,
  slower_ms: null,
  failed: false,
  page: false,
};

export function accepts(filter: Filter, request: Request): boolean {
  if (filter.site !== null && request.site !== filter.site) {
    return false;
  }
  if (filter.route !== null && request.route !== filter.route) {
    return false;
  }
  if (filter.method !== null && request.method !== filter.method) {
    return false;
  }
  if (filter.status !== null && String(request.status) !== filter.status) {
    return false;
  }
  if (filter.slower_ms !== null && request.latency_ns <= filter.slower_ms * 1e6) {
    return false;
  }
  if (filter.failed && request.status < 500 && request.outcome !== 'aborted') {
    return false;
  }
  if (filter.page && !request.page) {
    return false;
  }
  if (filter.text !== '') {
    const text = filter.text.toLowerCase();
    return [request.target, request.route, request.site].some((field) => field.toLowerCase().includes(text));
  }
  return true;
}

export function readFilter(parameters: URLSearchParams): Filter {
  const slower = Number(parameters.get('slower') ?? NaN);
  return {
    text: parameters.get('text') ?? '',
    site: parameters.get('site'),
    route: parameters.get('route'),
    method: parameters.get('method'),
    status: parameters.get('status'),
    slower_ms: Number.isFinite(slower) ? slower : null,
    failed: parameters.has('failed'),
    page: parameters.has('page'),
  };
}

export function writeFilter(filter: Filter): URLSearchParams {
  const parameters = new URLSearchParams();
  const put = (name: string, value: string | null) => {
    if (value !== null) {
      parameters.set(name, value);
    }
  };
  put('text', filter.text === '' ? null : filter.text);
  put('site', filter.site);
  put('route', filter.route);
  put('method', filter.method);
  put('status', filter.status);
  put('slower', filter.slower_ms === null ? null : String(filter.slower_ms));
  put('failed', filter.failed ? '1' : null);
  put('page', filter.page ? '1' : null);
  return parameters;
}
