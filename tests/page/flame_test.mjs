// Opens flame graphs in Chromium, from disk, and uses them by mouse and by keyboard; then opens the
// exported profile in speedscope itself. Fails on any message, error, dialog or foreign request.
//
//   node flame_test.mjs MAKE_FLAME NODE_MODULES SCREENSHOT_DIR
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SKIPPED = 77;

const [makeFlame, nodeModules, screenshots] = process.argv.slice(2);
if (!existsSync(CHROMIUM)) {
  console.log(`SKIP: no Chromium at ${CHROMIUM}`);
  process.exit(SKIPPED);
}
const {chromium} = createRequire(join(nodeModules, 'package.json'))('playwright-core');

const problems = [];
function watch(page) {
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${page.url()}: console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error}`));
  page.on('dialog', (dialog) => {
    problems.push(`${page.url()}: dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`requested ${request.url()}`);
  });
}

const width = (page, name) =>
  page.evaluate((wanted) => {
    const element = [...document.getElementById('boxes').children].find((g) => g.getAttribute('data-n') === wanted);
    if (element.getAttribute('display') === 'none') return 0;
    return [...element.querySelectorAll('rect')].reduce((sum, rect) => sum + Number(rect.getAttribute('width')), 0);
  }, name);
const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute('data-n'));
const near = (a, b) => assert.ok(Math.abs(a - b) < 3, `${a} is not about ${b}`);

async function checkMouse(page) {
  const shot = (name) => page.screenshot({path: join(screenshots, `${name}.png`)});
  assert.match(await page.textContent('svg'), /request 7: GET \/list\?<b>/);
  assert.equal(await page.locator('script').count(), 1);
  near(await width(page, 'all'), 1180);
  const before = await width(page, 'parse_json');
  await shot('flame');
  await page.locator('[data-n=parse_json]').hover();
  assert.match(await page.textContent('#details'), /parse_json \(\/srv\/app\/parse\.cc:42\).*samples/);
  await page.locator('[data-n=parse_json] rect').first().click();
  near(await width(page, 'parse_json'), 1180);
  assert.equal(await width(page, 'sqlite3_step'), 0);
  assert.ok((await width(page, 'helper_39')) > 20);
  await shot('flame-zoomed');
  await page.locator('#reset').click();
  near(await width(page, 'parse_json'), before);
}

async function checkKeyboard(page) {
  await page.keyboard.press('/');
  await page.keyboard.type('sqlite|read$');
  assert.match(await page.textContent('#matched'), /^2 matches, \d+\.\d%$/);
  await page.screenshot({path: join(screenshots, 'flame-search.png')});
  await page.keyboard.press('Escape');
  assert.equal(await page.textContent('#matched'), '');
  await page.keyboard.press('Escape');  // whatever was zoomed
  assert.equal(await focused(page), 'all');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(page), 'main');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(page), 'parse_json');  // the longest is the first
  await page.keyboard.press('ArrowRight');
  const second = await focused(page);
  assert.equal(second, 'sqlite3_step');
  await page.keyboard.press('Enter');
  near(await width(page, second), 1180);
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(page), 'serve_request');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'all');
}

async function checkWithoutScript(browser, url) {
  const context = await browser.newContext({javaScriptEnabled: false});
  const page = await context.newPage();
  await page.goto(url);
  assert.ok((await page.locator('#axis text').count()) > 4);
  await page.screenshot({path: join(screenshots, 'flame-no-script.png')});
  await context.close();
}

// The viewer takes a file from disk as a script that calls it.
async function checkSpeedscope(page, directory) {
  const profile = readFileSync(join(directory, 'profile.speedscope.json')).toString('base64');
  const loader = join(directory, 'load.js');
  writeFileSync(loader, `speedscope.loadFileFromBase64('profile.speedscope.json', '${profile}')`);
  const viewer = pathToFileURL(join(nodeModules, 'speedscope/dist/release/index.html'));
  await page.goto(`${viewer}#localProfilePath=${loader}`);
  await page.waitForFunction(() => /all time|request 7/.test(document.title + document.body.innerText));
  await page.waitForTimeout(500);
  await page.screenshot({path: join(screenshots, 'speedscope.png')});
  const text = await page.evaluate(() => document.title + document.body.innerText);
  assert.match(text, /all time/);
}

mkdirSync(screenshots, {recursive: true});
const directory = mkdtempSync(join(tmpdir(), 'pinfo-flame-'));
const browser = await chromium.launch({executablePath: CHROMIUM, args: ['--no-sandbox', '--allow-file-access-from-files']});
try {
  execFileSync(makeFlame, [directory], {stdio: 'inherit'});
  const page = await browser.newPage({viewport: {width: 1240, height: 420}});
  watch(page);
  await page.goto(pathToFileURL(join(directory, 'flame.svg')).href);
  await checkMouse(page);
  await checkKeyboard(page);
  await page.goto(pathToFileURL(join(directory, 'diff.svg')).href);
  assert.match(await page.textContent('svg'), /32\.2 ms|now, .* before/);
  await page.screenshot({path: join(screenshots, 'flame-diff.png')});
  await checkWithoutScript(browser, pathToFileURL(join(directory, 'flame.svg')).href);
  await checkSpeedscope(page, directory);
  assert.deepEqual(problems, []);
  console.log(`screenshots in ${screenshots}`);
} finally {
  await browser.close();
  rmSync(directory, {recursive: true, force: true});
}
