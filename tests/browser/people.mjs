// Alice and Bob at the pages of a platform: what each of them does, and must see.

import { complain, Person, run } from "./browser.mjs";

const PLATFORM = process.env.PLATFORM;
const MARGIN = 4.5; // the contrast that WCAG asks for, of text and what is behind it

function check(what, holds) {
  if (!holds) { complain(`${PLATFORM}: ${what}`); }
}

async function lists(alice) {
  await alice.says("list instances");
  const list = await alice.reads("instances: ", "Page 1 of");
  await alice.presses(list, "Next page");
  await alice.until("the next page is another message", async () =>
    (await alice.answers.filter({ hasText: "Page 2 of" }).count()) === 1);
}

async function confirms(alice, bob) {
  await alice.says("stop web-server-01");
  const asked = await alice.reads("Confirmation required", "web-server-01", "running", "stopped");
  check("the card has no two buttons", (await asked.getByRole("button").count()) === 2);
  const seen = await bob.sees("Confirmation required");
  await bob.presses(seen, "Yes, proceed");
  await bob.readsAlone("only alice can");
  check("a stranger's click changed the card", (await asked.innerText()).includes("Confirmation"));
  check("Alice sees what only Bob should see", !(await alice.everything()).includes("Only alice can"));
  await alice.presses(asked, "Yes, proceed");
  await alice.until("the card changes, and its buttons go", async () =>
    (await asked.innerText()).includes("is stopped")
      && !(await asked.getByRole("button", { name: "Yes, proceed" }).count()));
  await bob.until("Bob sees it too", async () =>
    (await seen.innerText()).includes("is stopped")
      && !(await seen.getByRole("button", { name: "Yes, proceed" }).count()));
}

async function cancels(alice) {
  await alice.says("reboot worker-01");
  const asked = await alice.reads("Confirmation required", "worker-01");
  await alice.presses(asked, "Cancel");
  await alice.until("it is cancelled", async () =>
    (await asked.innerText()).includes("Nothing was changed"));
  check("a cancelled card has buttons", !(await asked.getByRole("button").count()));
}

async function fillsIn(alice) {
  await alice.says("stop");
  const form = await alice.reads("which targets?");
  await alice.presses(form, "Continue");
  check("an empty form was sent", (await form.innerText()).includes("which targets?"));
  const rest = PLATFORM === "slack" ? alice.page.getByRole("dialog") : form;
  await rest.getByLabel("Targets").fill("web-server-02");
  await alice.presses(rest, "Continue");
  await alice.until("the form becomes its answer", async () =>
    (await form.innerText()).includes("Confirmation required"));
  await alice.presses(form, "Cancel");
}

async function isRefused(alice) {
  await alice.says("stop orders-db-01");
  await alice.readsAlone("hands-off-databases");
}

/** In Slack a command or an empty form can open a dialog, which is closed or sent. */
async function fillsInADialog(alice) {
  for (const label of ["Escape", "Cancel", "Continue"]) {
    await alice.says("/smartops stop");
    const dialog = alice.page.getByRole("dialog");
    await dialog.waitFor();
    if (label === "Continue") { await dialog.getByLabel("Targets").fill("worker-01"); }
    if (label === "Escape") { await alice.page.keyboard.press(label); } else { await alice.presses(dialog, label); }
    await dialog.waitFor({ state: "detached" });
  }
  await alice.reads("Confirmation required", "worker-01");
}

/** While something is typed into a form, other messages come and must not take it away. */
async function typesUndisturbed(alice, bob) {
  await alice.says("stop");
  const form = await alice.reads("which targets?");
  const field = form.getByLabel("Targets");
  await field.pressSequentially("web-");
  await bob.says("whoami");
  await bob.says("list instances --name web-server-01");
  await alice.sees("web-server-01", "1 instance");
  check("what was typed is gone", (await field.inputValue()) === "web-");
  check("the field has lost the cursor", await field.evaluate((it) => it === document.activeElement));
}

/** What people type is text, and every element of a reply is drawn. */
async function isText(alice) {
  await alice.says("<img src=x> *bold*");
  await alice.until("markup is shown as it was typed", async () =>
    (await alice.everything()).includes("<img src=x> *bold*"));
  for (const text of ["help stop", "check health", "show web-server-01"]) {
    await alice.says(text);
    await alice.until(`an answer to ${text}`, async () => (await alice.answers.count()) > alice.before);
  }
  check("a picture was made of a text", !(await alice.page.locator("#messages img").count()));
  check("an element is not drawn", !(await alice.page.locator(".unknown").count()));
}

/** Everything on the page can be read, in both themes. */
async function reads(alice) {
  for (const theme of ["light", "dark"]) {
    await alice.page.emulateMedia({ colorScheme: theme });
    const faint = await alice.page.evaluate(tooFaint, MARGIN);
    check(`hard to read in the ${theme} theme:\n${faint.join("\n")}`, !faint.length);
    const wide = await alice.page.evaluate(() =>
      [...document.querySelectorAll("article, article form, article p")]
        .filter((item) => item.scrollWidth > item.clientWidth + 1)
        .map((item) => item.innerText.slice(0, 60)));
    check(`cut off in the ${theme} theme:\n${wide.join("\n")}`, !wide.length);
  }
}

/** On a phone no word in a table is broken. */
async function readsOnAPhone(browser) {
  const alice = await Person.at(browser, PLATFORM, "alice");
  await alice.page.setViewportSize({ width: 390, height: 900 });
  for (const [text, answer] of [["help", "whoami"], ["help stop", "Examples"], ["help execute", "Examples"],
    ["list instances", "Page 1 of"], ["history", "Outcome"], ["list scripts", "df -h"]]) {
    await alice.says(text);
    await alice.reads(answer);
    const words = await alice.page.evaluate(broken);
    check(`the table of ${text} breaks the words ${words.join(", ")}`, !words.length);
  }
  await alice.page.close();
}

/** In the page: return the words that a table breaks. */
function broken() {
  const found = [];
  for (const cell of document.querySelectorAll("td")) {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode;
      for (const { 0: word, index } of text.data.matchAll(/[\p{L}\d]+/gu)) {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        if (range.getClientRects().length > 1) { found.push(word); }
      }
    }
  }
  return found;
}

/** In the page: return the texts with less contrast than they must have. */
function tooFaint(margin) {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const over = (front, back) => {
    const alpha = front[3] ?? 1;
    return [0, 1, 2].map((at) => front[at] * alpha + back[at] * (1 - alpha));
  };
  const light = (colour) => {
    const [red, green, blue] = colour.map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (item) => {
    if (!item) { return [255, 255, 255]; }
    return over(channels(getComputedStyle(item).backgroundColor), behind(item.parentElement));
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: item, textContent } = walker.currentNode;
    if (!textContent.trim() || !item.checkVisibility({ opacityProperty: true })) { continue; }
    if (["SCRIPT", "STYLE"].includes(item.tagName)) { continue; }
    const back = behind(item);
    const levels = [light(over(channels(getComputedStyle(item).color), back)), light(back)];
    const contrast = (Math.max(...levels) + 0.05) / (Math.min(...levels) + 0.05);
    if (contrast < margin) { found.add(`${contrast.toFixed(2)}: ${textContent.trim().slice(0, 60)}`); }
  }
  return [...found];
}

await run(async (browser) => {
  const alice = await Person.at(browser, PLATFORM, "alice", "ops");
  const bob = await Person.at(browser, PLATFORM, "bob", "ops");
  await lists(alice);
  await confirms(alice, bob);
  await cancels(alice);
  await fillsIn(alice);
  await typesUndisturbed(alice, bob);
  await isRefused(alice);
  if (PLATFORM === "slack") { await fillsInADialog(alice); }
  await isText(alice);
  await reads(alice);
  await readsOnAPhone(browser);
  const troubles = [...alice.troubles, ...bob.troubles];
  check(`the pages have errors:\n${troubles.join("\n")}`, !troubles.length);
  console.log(`${PLATFORM}: listed, confirmed, cancelled, filled in, refused privately, read in both themes`);
});
