// Pages of pinfo serve: they ask for their data again while they can be seen.
import {el} from './dom';
import {clock} from './format';
import {View} from './view';

const EVERY_MS = 2000;
const SLOWEST_MS = 30_000; // after failures

export function keepLive(view: View): void {
  const names = [...document.querySelectorAll<HTMLScriptElement>('script[src^="data/"]')]
    .map((script) => script.getAttribute('src') ?? '')
    .filter((name) => name !== 'data/report.js');
  // The counts in data/report.js come last: they are of the lists before.
  names.push('data/report.js');
  const state = el('span', {class: 'live-state', role: 'status'}, 'live');
  const pause = el('button', {type: 'button', 'aria-pressed': 'false'}, 'Pause');
  document.querySelector('header')?.append(el('div', {class: 'live'}, el('span', {class: 'live-dot', 'aria-hidden': 'true'}), state, pause));
  let paused = false;
  let wait = EVERY_MS;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    document.body.classList.toggle('paused', paused);
  });
  const tick = async () => {
    if (!paused && !document.hidden) {
      try {
        await fetchAll(names);
        view.update();
        document.body.classList.remove('stale');
        state.textContent = `live, ${clock(Date.now() * 1000)}`;
        wait = EVERY_MS;
      } catch {
        document.body.classList.add('stale');
        state.textContent = 'no answer from pinfo serve';
        wait = Math.min(2 * wait, SLOWEST_MS);
      }
    }
    setTimeout(() => void tick(), wait);
  };
  setTimeout(() => void tick(), wait);
}

async function fetchAll(names: string[]): Promise<void> {
  const texts = [];
  for (const name of names) {
    const response = await fetch(name, {cache: 'no-store'});
    if (!response.ok) {
      throw new Error(`${name}: ${response.status}`);
    }
    texts.push(await response.text());
  }
  for (const text of texts) {
    assign(text);
  }
}

// The page's policy lets no text run as a script: assignments to fields of pinfoData are all that the
// writer makes (html/data_script.h).
function assign(script: string): void {
  const fields = window.pinfoData as unknown as Record<string, unknown>;
  for (const line of script.split('\n')) {
    const pushed = /^pinfoData\.(\w+)\.push\('(.*)'\);$/.exec(line);
    const set = /^pinfoData\.(\w+)=(.*);$/.exec(line);
    if (pushed) {
      const list = fields[pushed[1] ?? ''];
      if (Array.isArray(list)) {
        list.push((pushed[2] ?? '').replace(/\\(.)/g, '$1'));
      }
    } else if (set) {
      fields[set[1] ?? ''] = JSON.parse(set[2] ?? 'null');
    }
  }
}
