// Opens every page of a report of 100,000 requests in Chromium, from disk, and uses it: sorts,
// filters, scrolls, follows links. Fails on any console message, page error, violation of the
// content security policy, or request for anything but a file of the report.
//
//   node report_test.mjs MAKE_REPORT NODE_MODULES SCREENSHOT_DIR
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
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
const {chromium} = createRequire(join(nodeModules, 'package.json'))('playwright-core');

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
    if (!request.url().startsWith(root)) {
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

async function checkOverview(page, root) {
  await page.goto(`${root}/index.html`);
  assert.match(await page.textContent('main'), /120,000 requests at 1 site from 5 processes/);
  assert.match(await page.textContent('main'), /12 stack samples lost/);
  assert.match(await page.textContent('main'), /7 requests not profiled \(over --profile-rate\)/);
  assert.equal(
    await page.textContent('.own-cost'),
    'pinfo itself used 640 ms of CPU in 3,600 s of watching (<0.1% of one CPU), 5.33 µs a request.',
  );
  assert.match(await page.textContent('main'), /2,204 of 48,211 stack samples \(4\.6%\) belong to no request/);
  assert.equal(await page.locator('.chart svg').count(), 2);
  assert.equal(await page.locator('.chart .bar').count(), 60);
  assert.match(await page.textContent('footer'), /Query-string values are masked/);
  await shot(page, 'overview');
}

async function checkRoutes(page, root) {
  await page.goto(`${root}/routes.html`);
  assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 8);
  // Hostile names are text.
  assert.equal(await page.getByText('/<script>alert(1)</script>', {exact: true}).count(), 1);
  assert.equal(await page.locator('main script').count(), 0);
  await shot(page, 'routes');
  await page.getByRole('link', {name: '/checkout', exact: true}).click();
  await page.waitForURL(/requests\.html#/);
  assert.match(await page.textContent('.shown'), /of 100,000 requests/);
  assert.equal(await page.locator('select[name=route] option:checked').textContent(), '/checkout');
}

async function checkProcesses(page, root) {
  await page.goto(`${root}/processes.html`);
  assert.equal(await page.locator('tbody tr:not(.spacer)').count(), 5);
  assert.equal(await page.getByText('SIGKILL', {exact: true}).count(), 1);
  assert.equal(await page.locator('td b').count(), 0);
  await shot(page, 'processes');
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
  await page.locator('.drawing').hover();
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

async function checkRequestPage(page, root) {
  await page.goto(`${root}/requests.html`);
  await page.locator('td a').first().click();
  await page.waitForURL(/requests\/\d+\.html$/);
  assert.match(await page.textContent('.verdict'), /\d% (on CPU|blocked|waiting|unattributed)/);
  assert.equal(await page.locator('.split > span').count() >= 2, true);
  assert.ok((await page.locator('.drawing svg .node').count()) >= 3, 'the call graph is drawn');
  assert.equal(await page.locator('.drawing script').count(), 0);
  assert.equal(await page.locator('table tbody tr:not(.spacer)').count(), 5);
  assert.match(await page.textContent('table'), /<\/title><script>alert\('x'\)<\/script>/);
  assert.equal(await page.locator('th[aria-sort]').getAttribute('data-column'), 'self');
  await checkGraph(page);
  const download = page.waitForEvent('download');
  await page.getByRole('link', {name: /\.dot$/}).click();
  assert.match((await download).suggestedFilename(), /^\d+\.dot$/);
  await shot(page, 'request');
}

async function checkEveryRequestPage(page, root, directory) {
  const names = readdirSync(join(directory, 'requests')).filter((name) => name.endsWith('.html'));
  assert.equal(names.length, PAGES);
  for (const name of names) {
    await page.goto(`${root}/requests/${name}`);
    assert.ok((await page.textContent('h1')).length > 4);
    assert.ok(!(await page.content()).includes('hunter2'), 'query values are masked');
  }
}

// No table is wider than its place, and what it leaves out is named.
async function checkLaptop(browser, root) {
  for (const [width, height] of [[1280, 800], [390, 844]]) {
    const page = await browser.newPage({viewport: {width, height}});
    await watch(page, root);
    for (const name of ['index', 'requests', 'routes', 'processes']) {
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

// Everybody's first capture: one minute. The chart is drawn from the page's data, so it is changed
// before the page's script runs.
async function checkOneMinute(browser, root) {
  const page = await browser.newPage({viewport: {width: 1280, height: 800}});
  await watch(page, root);
  await page.addInitScript(() => {
    let data;
    Object.defineProperty(window, 'pinfoData', {
      get: () => {
        if (data?.overview && data.overview.bins.length > 1) {
          data.overview.bins = data.overview.bins.slice(0, 1);
        }
        return data;
      },
      set: (value) => (data = value),
    });
  });
  await page.goto(`${root}/index.html`);
  const centres = (selector) =>
    page.$$eval(selector, (marks) => marks.map((mark) => mark.getBoundingClientRect()).map(({left, right}) => (left + right) / 2));
  const [bar] = await centres('.chart .bar');
  const dots = await centres('.chart circle');
  assert.equal(dots.length, 2);
  assert.ok(dots.every((x) => Math.abs(x - bar) < 1), `dots at ${dots.join()}, bar at ${bar}`);
  const wide = await page.locator('.chart .bar').evaluate((mark) => mark.getBoundingClientRect().width);
  assert.ok(wide > 200, `the bar is ${wide} px wide`);
  await shot(page, '1280-one-minute', false);
  await page.close();
}

async function checkOtherMedia(browser, root) {
  const phone = await browser.newPage({viewport: {width: 390, height: 844}, colorScheme: 'dark'});
  await watch(phone, root);
  for (const name of ['index', 'requests', 'processes']) {
    await phone.goto(`${root}/${name}.html`);
    const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${name}.html is ${overflow} px wider than a phone`);
    await shot(phone, `phone-${name}`, name === 'index');
  }
  await phone.close();
  await checkLaptop(browser, root);
  const dark = await browser.newPage({viewport: {width: 1440, height: 900}, colorScheme: 'dark'});
  await watch(dark, root);
  await dark.goto(`${root}/index.html`);
  await shot(dark, 'dark-overview');
  await dark.goto(`${root}/requests.html#page=1`);
  await dark.locator('td a').first().click();
  await dark.waitForURL(/requests\/\d+\.html$/);
  const sheet = await dark.locator('.drawing .graph polygon').first().evaluate((polygon) => getComputedStyle(polygon).fill);
  assert.equal(sheet, 'none', 'no white sheet on a dark page');
  const nodes = await dark.$$eval('.drawing .node polygon', (all) => all.map((polygon) => getComputedStyle(polygon).fill));
  assert.ok(nodes.length > 0 && !nodes.includes('none'), 'nodes keep their colours');
  await shot(dark, 'dark-request');
  await dark.goto(`${root}/requests.html`);
  const printed = await dark.pdf({path: join(screenshots, 'requests.pdf'), format: 'A4', landscape: true});
  assert.ok(printed.length > 20_000);
  assert.ok(printed.toString('latin1').match(/\/Type \/Page\b/g).length > 5, 'printing shows more than the window');
  await dark.close();
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
  await checkProcesses(page, root);
  await checkRequests(page, root);
  await checkRequestPage(page, root);
  await checkEveryRequestPage(page, root, out);
  await checkOtherMedia(browser, root);
  await checkOneMinute(browser, root);
  assert.deepEqual(problems, []);
  console.log('every page opened, sorted, filtered and linked as it should');
} finally {
  await browser?.close();
  rmSync(directory, {recursive: true, force: true});
}
