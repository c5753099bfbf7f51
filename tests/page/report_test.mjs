// Opens every page of a report of 100,000 requests in Chromium, from disk, and uses it: sorts,
// filters, scrolls, zooms, follows links, takes downloads. Fails on any console message, page error,
// violation of the content security policy, serious finding of axe-core, or request for anything but
// a file of the report.
//
//   node report_test.mjs MAKE_REPORT NODE_MODULES SCREENSHOT_DIR
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {gunzipSync} from 'node:zlib';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SKIPPED = 77;
const ROWS = 100_000;
const PAGES = 20;

const [makeReport, nodeModules, screenshots] = process.argv.slice(2);
if (!existsSync(CHROMIUM)) {
  console.log(`SKIP: no Chromium at ${CHROMIUM}`);
  process.exit(SKIPPED);
}
const require = createRequire(join(nodeModules, 'package.json'));
const {chromium} = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// What a page did that it must not.
const problems = [];

function watch(page, root) {
  page.on('console', (message) => problems.push(`${page.url()}: console: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error}`));
  page.on('dialog', (dialog) => {
    problems.push(`${page.url()}: dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(root) && !request.url().startsWith('blob:')) {
      problems.push(`${page.url()}: requested ${request.url()}`);
    }
  });
  return page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
}

function shot(page, name, fullPage = true) {
  return page.screenshot({path: join(screenshots, `${name}.png`), fullPage});
}

// The page's own code is done with it.
function ready(page) {
  return page.waitForSelector('body[data-ready]');
}

// Through the debugger, as which it is not bound by the page's policy.
async function checkAccessibility(page, name) {
  await page.evaluate(axeSource);
  const {violations} = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations'], preload: false}));
  for (const {id, impact, nodes} of violations) {
    if (impact === 'serious' || impact === 'critical') {
      problems.push(`${name}: ${impact} finding of axe-core: ${id}: ${nodes.map(({html}) => html.slice(0, 200)).join(' | ')}`);
    }
  }
}

async function taken(page, action) {
  const waiting = page.waitForEvent('download');
  await action();
  const download = await waiting;
  return {name: download.suggestedFilename(), bytes: readFileSync(await download.path())};
}

// Zooming one chart zooms them all, by mouse, by keyboard and by buttons.
async function checkCharts(page) {
  const labels = () => page.$$eval('.plot', ([first]) => [...first.querySelectorAll('text')].map((text) => text.textContent).join());
  const chart = page.locator('.plot .chart').nth(1);
  const all = await labels();
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 50);
  assert.match(await page.textContent('.plot:nth-of-type(2) .tip'), /p99.*ms/);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, {steps: 4});
  await page.mouse.up();
  const zoomed = await labels();
  assert.notEqual(zoomed, all, 'dragging across a chart zooms the others');
  await page.getByRole('button', {name: 'Whole time'}).click();
  assert.equal(await labels(), all);
  await chart.focus();
  await page.keyboard.press('+');
  assert.notEqual(await labels(), all);
  await page.keyboard.press('Escape');
  assert.equal(await labels(), all);
  const cells = page.locator('.cells');
  assert.ok((await cells.count()) >= 6, 'the heat map has shades');
}

async function checkOverview(page, root) {
  const start = Date.now();
  await page.goto(`${root}/index.html`);
  await ready(page);
  console.log(`index.html: ${Date.now() - start} ms`);
  assert.match(await page.textContent('main'), /120,000 requests at 2 sites from 5 processes/);
  assert.match(await page.textContent('main'), /12 stack samples lost/);
  assert.match(await page.textContent('main'), /7 requests not profiled \(over --profile-rate\)/);
  assert.equal(
    await page.textContent('.own-cost'),
    'pinfo itself used 640 ms of CPU in 3,600 s of watching (<0.1% of one CPU), 5.33 µs a request.',
  );
  assert.match(await page.textContent('main'), /2,204 of 48,211 stack samples \(4\.6%\) belong to no request/);
  assert.match(await page.textContent('main'), /Machine 01234567: 8 CPUs, load/);
  assert.equal(await page.locator('.plot svg').count(), 9);
  assert.match(await page.textContent('footer'), /Query-string values are masked/);
  assert.match(await page.textContent('main'), /5 seen, 3 alive when this was written, \d\.\d on average, 5 at most at once/);
  await checkCharts(page);
  await checkAccessibility(page, 'overview');
  await shot(page, 'overview');
}

async function checkRoutes(page, root) {
  await page.goto(`${root}/routes.html`);
  await ready(page);
  assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 8);
  // Hostile names are text.
  assert.equal(await page.getByText('/<script>alert(1)</script>', {exact: true}).count(), 1);
  assert.equal(await page.locator('main script').count(), 0);
  await checkAccessibility(page, 'routes');
  await shot(page, 'routes');
  await page.getByRole('link', {name: '/checkout', exact: true}).click();
  await page.waitForURL(/route\.html#[0-9a-f]{16}$/);
  await ready(page);
  assert.equal(await page.textContent('h1'), '/checkout');
  assert.equal(await page.getByRole('img', {name: /^Requests by latency/}).count(), 1);
  await page.locator('th[data-column=target] button').click();
  assert.equal(await page.locator('th[data-column=target]').getAttribute('aria-sort'), 'ascending');
  assert.ok((await page.locator('.flame .box').count()) >= 5);
  await page.locator('#call-graph').scrollIntoViewIfNeeded();
  await page.waitForSelector('.drawing svg .node');
  await checkAccessibility(page, 'route');
  await shot(page, 'route');
  await page.getByRole('link', {name: 'All its requests in this report'}).click();
  await page.waitForURL(/requests\.html#/);
  await ready(page);
  assert.match(await page.textContent('.shown'), /of 100,000 requests/);
  assert.equal(await page.locator('select[name=route] option:checked').textContent(), '/checkout');
}

async function checkSites(page, root) {
  await page.goto(`${root}/sites.html`);
  await ready(page);
  assert.equal(await page.getByText('<b>admin</b>.example', {exact: true}).count(), 1);
  assert.equal(await page.getByText('2 / ', {exact: false}).count(), 1, 'processes of a site now, on average, at most');
  await checkAccessibility(page, 'sites');
  await shot(page, 'sites');
  await page.getByRole('link', {name: 'shop.example', exact: true}).click();
  await ready(page);
  assert.match(await page.textContent('.lead'), /8 of 8 routes, of the site shop\.example/);
}

async function checkProcesses(page, root) {
  await page.goto(`${root}/processes.html`);
  assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 5);
  assert.equal(await page.getByText('SIGKILL', {exact: true}).count(), 1);
  assert.match(await page.textContent('.lead'), /5 processes seen, 3 alive when this was written/);
  assert.equal(await page.getByText('gone, unseen', {exact: true}).count(), 1);
  assert.equal(await page.locator('td b').count(), 0);
  await checkAccessibility(page, 'processes');
  await shot(page, 'processes');
}

async function checkMonitors(page, root) {
  await page.goto(`${root}/index.html`);
  await ready(page);
  await page.getByRole('navigation').getByRole('link', {name: 'Monitors'}).click();
  await ready(page);
  assert.match(await page.textContent('.lead'), /2 monitors: 1 problem, 1 fine/);
  assert.deepEqual(await page.$$eval('.monitor h3', (all) => all.map((one) => one.textContent)), [
    'Search is quick',
    'Errors of <b>checkout</b>',
  ]);
  assert.match(await page.locator('.monitor').first().textContent(), /p90 is 180 ms.*Since .*\(16 minutes\)/s);
  assert.equal(await page.locator('.monitor').nth(1).locator('.history span').count(), 3);
  assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 5);
  assert.equal(await page.locator('main b, main script').count(), 0);
  await checkAccessibility(page, 'monitors');
  await shot(page, 'monitors');
  await page.getByRole('navigation').getByRole('link', {name: 'Metrics'}).click();
  await ready(page);
  assert.match(await page.textContent('.lead'), /3 own metrics/);
  assert.equal(await page.locator('.plot svg').count(), 2);
  assert.equal(await page.locator('.plot').first().locator('.bars').count(), 2, 'a bar chart of two series');
  assert.equal(await page.locator('.plot').nth(1).locator('.line').count(), 1);
  assert.match(await page.locator('.number-card').textContent(), /Items in <stock>23/);
  await checkAccessibility(page, 'metrics');
  await shot(page, 'metrics');
}

// The cells of one column in the rows on show, as numbers.
async function numbers(page, column) {
  const texts = await page.$$eval(
    'table',
    ([table], id) => {
      const index = [...table.querySelectorAll('th')].findIndex((cell) => cell.dataset.column === id);
      return [...table.querySelectorAll('tbody tr:not(.spacer)')].map((row) => row.cells[index].textContent);
    },
    column,
  );
  return texts.map((text) => Number(text.replaceAll(',', '')));
}

function isSorted(values, descending) {
  return values.every((value, i) => i === 0 || (descending ? values[i - 1] >= value : values[i - 1] <= value));
}

async function checkSorting(page) {
  const slowestFirst = await numbers(page, 'latency');
  assert.ok(slowestFirst.length > 10 && slowestFirst.length < 200, `${slowestFirst.length} rows in the document`);
  assert.ok(isSorted(slowestFirst, true), 'slowest first');
  // By keyboard.
  const header = page.getByRole('columnheader', {name: 'Latency'});
  await header.getByRole('button').focus();
  await page.keyboard.press('Enter');
  assert.equal(await header.getAttribute('aria-sort'), 'ascending');
  const fastestFirst = await numbers(page, 'latency');
  assert.ok(isSorted(fastestFirst, false), 'fastest first');
  assert.ok(fastestFirst[0] < slowestFirst[0]);
  // What is not known comes last in both directions.
  const onCpu = page.getByRole('columnheader', {name: 'On CPU, ms'}).getByRole('button');
  for (const descending of [true, false]) {
    await onCpu.click();
    const values = await numbers(page, 'on_cpu');
    assert.ok(values.every(Number.isFinite), 'no unknown ones at the top');
    assert.ok(isSorted(values, descending));
  }
  await header.getByRole('button').click();
}

async function checkScrolling(page) {
  const region = page.getByRole('region', {name: 'Requests'});
  await region.focus();
  await page.keyboard.press('End');
  // Chromium scrolls there smoothly.
  await page.waitForFunction(() => {
    const area = document.querySelector('.scroll');
    return area.scrollTop > 0 && area.scrollTop + area.clientHeight >= area.scrollHeight - 1;
  });
  const shown = await page.locator('tbody tr:not(.spacer)').count();
  assert.ok(shown < 200, `${shown} rows in the document`);
  const bottom = await page.evaluate((rows) => {
    const last = document.querySelector(`tr[aria-rowindex="${rows + 1}"]`).getBoundingClientRect();
    const area = document.querySelector('.scroll').getBoundingClientRect();
    return area.bottom - last.bottom;
  }, ROWS);
  assert.ok(Math.abs(bottom) < 25, `the last row ends ${bottom} px above the area's end`);
  await page.keyboard.press('Home');
  await page.waitForFunction(() => document.querySelector('tr[aria-rowindex="2"]') !== null);
}

async function checkFiltering(page) {
  await page.fill('input[name=text]', 'CHECKOUT');
  await page.waitForFunction(() => /^[\d,]+ of 100,000/.test(document.querySelector('.shown').textContent));
  const targets = await page.$$eval('tbody tr:not(.spacer) td:nth-child(5)', (cells) => cells.map((cell) => cell.textContent));
  assert.ok(targets.length > 10);
  assert.ok(targets.every((text) => text === '/checkout'));
  await page.check('input[name=failed]');
  const statuses = await page.$$eval('tbody tr:not(.spacer) td:nth-child(6)', (cells) => cells.map((cell) => cell.textContent));
  assert.ok(statuses.length > 10);
  assert.ok(statuses.every((text) => text === '500' || text === 'aborted'), statuses.join());
  assert.match(page.url(), /text=CHECKOUT&failed=1/);
  const filtered = await page.textContent('.shown');
  await page.reload();
  assert.equal(await page.textContent('.shown'), filtered, 'the address keeps the filter');
  await page.fill('input[name=text]', 'no such target');
  assert.equal(await page.textContent('.shown'), '0 of 100,000 requests');
  assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 0);
}

async function checkRequests(page, root) {
  const start = Date.now();
  await page.goto(`${root}/requests.html`);
  await page.waitForSelector('tbody tr:not(.spacer)');
  console.log(`requests.html with ${ROWS} rows: ${Date.now() - start} ms to the first row`);
  assert.equal(await page.textContent('.shown'), '100,000 requests');
  const sorting = await page.evaluate(() => {
    const begin = performance.now();
    document.querySelector('th[data-column=target] button').click();
    const middle = performance.now();
    document.querySelector('th[data-column=latency] button').click();
    return [middle - begin, performance.now() - middle].map(Math.round);
  });
  console.log(`sorting ${ROWS} rows: by target ${sorting[0]} ms, by latency ${sorting[1]} ms`);
  await checkAccessibility(page, 'requests');
  await shot(page, 'requests');
  await checkSorting(page);
  await checkScrolling(page);
  await checkFiltering(page);
  await page.goto('about:blank');
  await page.goto(`${root}/requests.html#page=1`);
  assert.equal(await page.textContent('.shown'), '20 of 100,000 requests');
}

async function checkGraph(page) {
  const width = () => page.locator('.drawing svg').evaluate((svg) => svg.getBoundingClientRect().width);
  const offCentre = await page.evaluate(() => {
    const area = document.querySelector('.drawing').getBoundingClientRect();
    const svg = document.querySelector('.drawing svg').getBoundingClientRect();
    return Math.abs(area.left + area.right - svg.left - svg.right) / 2;
  });
  assert.ok(offCentre < 12, `the call graph is ${offCentre} px off the centre`);
  await page.getByRole('button', {name: 'Actual size'}).click();
  const actual = await width();
  const text = await page.locator('.drawing .node text').first().evaluate((node) => node.getBoundingClientRect().height);
  assert.ok(text >= 11, `text of ${text} px`);
  await page.getByRole('button', {name: 'Zoom in'}).click();
  assert.ok(Math.abs((await width()) / actual - 1.25) < 0.01);
  await page.getByRole('button', {name: 'Zoom out'}).click();
  await page.locator('.drawing').hover({position: {x: 5, y: 5}});
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -400);
  await page.waitForFunction((before) => document.querySelector('.drawing svg').getBoundingClientRect().width > 2 * before, actual);
  await page.keyboard.up('Control');
  await page.locator('.drawing').scrollIntoViewIfNeeded();
  const area = await page.locator('.drawing').boundingBox();
  const before = await page.locator('.drawing').evaluate((element) => element.scrollLeft);
  await page.mouse.move(area.x + 300, area.y + area.height / 2);
  await page.mouse.down();
  await page.mouse.move(area.x + 250, area.y + area.height / 2);
  await page.mouse.up();
  assert.equal(await page.locator('.drawing').evaluate((element) => element.scrollLeft), before + 50);
  await page.getByRole('button', {name: 'Fit', exact: true}).click();
  assert.ok((await width()) <= area.width);
}

async function checkFlame(page) {
  const boxes = page.locator('.flame .box');
  const before = await boxes.count();
  assert.ok(before >= 5);
  await page.fill('input[aria-label="Search the flame graph"]', 'parse');
  assert.match(await page.locator('.zoom output').textContent(), /^1 found, 60\.0%$/);
  assert.equal(await page.locator('.flame .match').count(), 1);
  await page.locator('.flame .match').click();
  assert.ok((await boxes.count()) < before, 'a click zooms');
  assert.match(await page.textContent('.flame-details'), /^parse/);
  await page.keyboard.press('ArrowDown');
  assert.match(await page.textContent('.flame-details'), /alert/);
  await page.keyboard.press('Escape');
  assert.equal(await boxes.count(), before);
  await page.fill('input[aria-label="Search the flame graph"]', '');
}

async function checkDownloads(page) {
  const id = new URL(page.url()).hash.slice(1);
  const dot = await taken(page, () => page.getByRole('button', {name: /\.dot$/}).click());
  assert.equal(dot.name, `request-${id}.dot`);
  assert.match(dot.bytes.toString(), /^digraph/);
  const svg = await taken(page, () => page.getByRole('button', {name: /\.svg$/}).click());
  assert.match(svg.bytes.toString(), /<svg/);
  const stats = await taken(page, () => page.getByRole('button', {name: `Save ${id}.stats`}).click());
  assert.equal(stats.bytes[0], '{'.charCodeAt(0));
  const pprof = await taken(page, () => page.getByRole('button', {name: `Save ${id}.pb.gz`}).click());
  assert.ok(gunzipSync(pprof.bytes).includes('main'));
  const trace = await taken(page, () => page.getByRole('button', {name: `Save ${id}.trace.json`}).click());
  assert.ok(JSON.parse(trace.bytes).traceEvents.length > 2);
  assert.ok(!trace.bytes.includes('hunter2'), 'query values are masked');
}

async function checkRequestPage(page, root) {
  await page.goto(`${root}/requests.html`);
  await page.locator('td a').first().click();
  await page.waitForURL(/request\.html#\d+$/);
  await ready(page);
  assert.match(await page.textContent('.verdict'), /\d% (on CPU|blocked|waiting|unattributed)/);
  assert.equal(await page.locator('.split > span').count() >= 2, true);
  assert.ok((await page.locator('.timeline .t-cpu').count()) >= 3);
  assert.equal(await page.locator('.timeline .t-call').count(), 2);
  assert.match(await page.textContent('main'), /2 calls to other servers/);
  assert.deepEqual(await page.$$eval('.headers dd', (all) => all.map((one) => one.textContent)), [
    'shop.example',
    'Mozilla/5.0 <b>(X11)</b>',
    'http://shop.example/search?q=...',
    '...',
  ]);
  assert.equal(await page.getByText('unix:/run/<b>.sock', {exact: true}).count(), 1);
  await checkFlame(page);
  await page.locator('#call-graph').scrollIntoViewIfNeeded();
  await page.waitForSelector('.drawing svg .node');
  assert.ok((await page.locator('.drawing svg .node').count()) >= 3, 'the call graph is drawn');
  assert.equal(await page.locator('main script').count(), 0);
  const functions = page.getByRole('region', {name: 'Functions'});
  assert.equal(await functions.locator('tbody tr:not(.spacer)').count(), 5);
  assert.match(await functions.textContent(), /<\/title><script>alert\('x'\)<\/script>/);
  assert.equal(await functions.locator('th[aria-sort]').getAttribute('data-column'), 'self');
  await checkGraph(page);
  await page.getByRole('button', {name: /^read: to its row/}).press('Enter');
  assert.match(await page.textContent('tr.marked'), /read/, 'a node leads to its function');
  await page.fill('input[aria-label="Find functions"]', 'PARSE');
  assert.equal(await functions.locator('tbody tr:not(.spacer)').count(), 1);
  await page.fill('input[aria-label="Find functions"]', '');
  await checkDownloads(page);
  await checkAccessibility(page, 'request');
  await shot(page, 'request');
}

async function checkEveryRequestPage(page, root, directory) {
  const names = readdirSync(join(directory, 'requests'));
  assert.equal(names.length, PAGES);
  for (const name of names) {
    await page.goto('about:blank');
    await page.goto(`${root}/request.html#${name.replace('.js', '')}`);
    await ready(page);
    assert.ok((await page.textContent('h1')).length > 4);
    assert.ok(!(await page.content()).includes('hunter2'), 'query values are masked');
    assert.ok((await page.locator('.verdict').count()) === 1);
  }
}

// No table is wider than its place, and what it leaves out is named.
async function checkLaptop(browser, root) {
  for (const [width, height] of [[1280, 800], [390, 844]]) {
    const page = await browser.newPage({viewport: {width, height}});
    await watch(page, root);
    for (const name of ['index', 'requests', 'sites', 'routes', 'processes']) {
      await page.goto(`${root}/${name}.html`);
      await page.waitForSelector('tbody tr:not(.spacer)');
      const cut = await page.$$eval('.scroll', (areas) => Math.max(...areas.map((area) => area.scrollWidth - area.clientWidth)));
      assert.ok(cut <= 0, `a table of ${name}.html is cut by ${cut} px at ${width} px`);
      await shot(page, `${width}-${name}`);
    }
    await page.goto(`${root}/requests.html`);
    assert.match(await page.textContent('.left-out'), /Columns that do not fit here: .*Samples/);
    assert.equal(await page.locator('.split-key').count(), 5);
    if (width === 1280) {
      assert.equal(await page.getByRole('columnheader', {name: 'Process'}).count(), 1);
      assert.equal(await page.getByRole('columnheader', {name: 'Where the time went'}).count(), 1);
    }
    await page.close();
  }
}

async function checkOtherMedia(browser, root, directory) {
  const first = (folder) => readdirSync(join(directory, folder))[0].replace('.js', '');
  const single = [`request.html#${first('requests')}`, `route.html#${first('routes')}`];
  const phone = await browser.newPage({viewport: {width: 390, height: 844}, colorScheme: 'dark'});
  await watch(phone, root);
  for (const name of ['index', 'requests', 'sites', 'routes', 'processes', ...single]) {
    await phone.goto('about:blank');
    await phone.goto(`${root}/${name.includes('#') ? name : `${name}.html`}`);
    await ready(phone);
    await checkAccessibility(phone, `phone ${name}`);
    const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${name}.html is ${overflow} px wider than a phone`);
    await shot(phone, `phone-${name.replace(/\.html.*/, '')}`, name !== 'requests');
  }
  await phone.close();
  await checkLaptop(browser, root);
  const dark = await browser.newPage({viewport: {width: 1440, height: 900}, colorScheme: 'dark'});
  await watch(dark, root);
  await dark.goto(`${root}/index.html`);
  await ready(dark);
  await checkAccessibility(dark, 'dark overview');
  await shot(dark, 'dark-overview');
  await dark.goto(`${root}/requests.html#page=1`);
  await dark.locator('td a').first().click();
  await dark.waitForURL(/request\.html#\d+$/);
  await ready(dark);
  await dark.locator('#call-graph').scrollIntoViewIfNeeded();
  await dark.waitForSelector('.drawing svg .node');
  const sheet = await dark.locator('.drawing .graph polygon').first().evaluate((polygon) => getComputedStyle(polygon).fill);
  assert.equal(sheet, 'none', 'no white sheet on a dark page');
  const nodes = await dark.$$eval('.drawing .node polygon', (all) => all.map((polygon) => getComputedStyle(polygon).fill));
  assert.ok(nodes.length > 0 && !nodes.includes('none'), 'nodes keep their colours');
  await checkAccessibility(dark, 'dark request');
  await shot(dark, 'dark-request');
  await dark.goto(`${root}/requests.html`);
  const printed = await dark.pdf({path: join(screenshots, 'requests.pdf'), format: 'A4', landscape: true});
  assert.ok(printed.length > 20_000);
  assert.ok(printed.toString('latin1').match(/\/Type \/Page\b/g).length > 5, 'printing shows more than the window');
  await dark.close();
}

// Served: the same pages, which go on by themselves.
async function checkLive(browser) {
  const server = spawn(makeReport, ['--serve'], {stdio: ['pipe', 'pipe', 'inherit']});
  try {
    const url = await new Promise((resolve) => server.stdout.once('data', (text) => resolve(String(text).trim())));
    const base = url.replace(/index\.html$/, '');
    const page = await browser.newPage({viewport: {width: 1440, height: 900}});
    await watch(page, base);
    await page.goto(url);
    await ready(page);
    const lead = await page.textContent('.lead');
    await page.waitForFunction((before) => document.querySelector('.lead').textContent !== before, lead);
    await page.waitForFunction(() => /^live, /.test(document.querySelector('.live-state').textContent));
    await page.getByRole('button', {name: 'Pause'}).click();
    await checkAccessibility(page, 'live overview');
    await shot(page, 'live-overview', false);
    await page.goto(`${base}requests.html`);
    await ready(page);
    const rows = await page.textContent('.shown');
    await page.getByRole('columnheader', {name: 'Latency'}).getByRole('button').click();
    await page.waitForFunction((before) => document.querySelector('.shown').textContent !== before, rows);
    assert.equal(await page.getByRole('columnheader', {name: 'Latency'}).getAttribute('aria-sort'), 'descending');
    await page.goto(`${base}request.html#${/[1-9]\d*/.exec(await page.locator('td a').first().getAttribute('href'))[0]}`);
    await ready(page);
    assert.equal(await page.locator('.verdict').count(), 1);
    assert.equal((await page.request.get(`${base}metrics`)).headers()['content-type'], 'text/plain; version=0.0.4');
    const guessed = await page.request.get(`${base.slice(0, -3)}xx/index.html`);
    assert.equal(guessed.status(), 404);
    // The server goes away: the page says so and keeps what it has.
    await page.goto(`${base}routes.html`);
    await ready(page);
    server.stdin.end();
    await page.waitForFunction(() => document.body.classList.contains('stale'));
    assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 8);
    await page.close();
  } finally {
    server.kill();
  }
  // What the browser says of the server that is gone.
  for (let at = problems.length - 1; at >= 0; at--) {
    if (/net::ERR_(CONNECTION_REFUSED|EMPTY_RESPONSE|CONNECTION_RESET)/.test(problems[at])) {
      problems.splice(at, 1);
    }
  }
}

const directory = mkdtempSync(join(tmpdir(), 'pinfo_page_'));
mkdirSync(screenshots, {recursive: true});
let browser;
try {
  execFileSync(makeReport, [join(directory, 'out')], {stdio: ['ignore', 'inherit', 'inherit']});
  const out = join(directory, 'out');
  const root = pathToFileURL(out).href;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  const page = await browser.newPage({viewport: {width: 1440, height: 900}});
  await watch(page, root);
  await checkOverview(page, root);
  await checkRoutes(page, root);
  await checkSites(page, root);
  await checkProcesses(page, root);
  await checkMonitors(page, root);
  await checkRequests(page, root);
  await checkRequestPage(page, root);
  await checkEveryRequestPage(page, root, out);
  await checkOtherMedia(browser, root, out);
  await checkLive(browser);
  assert.deepEqual([...new Set(problems)], []);
  console.log('every page opened, sorted, filtered and linked as it should');
} finally {
  await browser?.close();
  rmSync(directory, {recursive: true, force: true});
}
