// How long Chromium takes to show a report from disk: the median of five each, in a fresh tab.
//
//   node report_times.mjs REPORT NODE_MODULES
import {readdirSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const [report, nodeModules] = process.argv.slice(2);
const {chromium} = createRequire(join(nodeModules, 'package.json'))('playwright-core');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const root = pathToFileURL(report).href;
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

// From the navigation's start to what is there when the page's code is done, and painted.
async function open(file) {
  const times = [];
  for (let i = 0; i < 5; i++) {
    const page = await browser.newPage({viewport: {width: 1440, height: 900}});
    await page.goto(`${root}/${file}`);
    await page.waitForSelector('body[data-ready]');
    times.push(await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))));
    await page.close();
  }
  return Math.round(median(times));
}

const first = readdirSync(join(report, 'requests'))[0].replace('.js', '');
const route = readdirSync(join(report, 'routes'))[0].replace('.js', '');
for (const file of ['index.html', 'requests.html', 'routes.html', `request.html#${first}`, `route.html#${route}`]) {
  console.log(`${file.replace(/#.*/, '')}: shown after ${await open(file)} ms`);
}
const page = await browser.newPage({viewport: {width: 1440, height: 900}});
await page.goto(`${root}/requests.html`);
await page.waitForSelector('body[data-ready]');
for (const column of ['target', 'latency', 'start', 'on_cpu']) {
  const times = await page.evaluate(async (id) => {
    const taken = [];
    for (let i = 0; i < 5; i++) {
      const begin = performance.now();
      document.querySelector(`th[data-column=${id}] button`).click();
      document.body.getBoundingClientRect();
      taken.push(performance.now() - begin);
      await new Promise((done) => setTimeout(done, 50));
    }
    return taken;
  }, column);
  console.log(`sorting ${await page.textContent('.shown')} by ${column}: ${Math.round(median(times))} ms`);
}
const typing = await page.evaluate(() => {
  const field = document.querySelector('input[name=text]');
  const begin = performance.now();
  field.value = 'section7';
  field.dispatchEvent(new Event('input'));
  return performance.now() - begin;
});
console.log(`filtering them by a text: ${Math.round(typing)} ms`);
await browser.close();
