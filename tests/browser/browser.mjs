// Chromium, and a person in front of a page: what they type, press and read.

import { chromium } from "playwright-core";

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TIMEOUT = 20_000;

export const PLACES = {
  teams: (user, place) => ({ user, place: place || `with ${user}` }),
  slack: (user, place) => ({ user, place: place || `@${user}` }),
};

/** Run a script with a browser; the status is 1 and the reason on standard error if it fails. */
export async function run(script) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: QUIET });
  try {
    await script(browser);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

export function complain(text) {
  throw new Error(text);
}

function short(text) { return `- ${text.replace(/\s+/g, " ").slice(0, 300)}`; }

/** A person who looks at one conversation of a platform. */
export class Person {
  static async at(browser, platform, user, place = "") {
    const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    page.setDefaultTimeout(TIMEOUT);
    const self = Object.assign(new Person(), { page, platform, user, before: 0, troubles: [] });
    page.on("pageerror", (error) => self.troubles.push(`${platform}: ${error.message}`));
    page.on("console", (line) => {
      if (line.type() === "error") { self.troubles.push(`${platform}: ${line.text()}`); }
    });
    const where = new URLSearchParams(PLACES[platform](user, place));
    await page.goto(`${process.env[platform.toUpperCase()]}/?${where}`);
    return self;
  }

  get answers() { return this.page.locator("article.bot"); }

  /** Say something; what is read from then on is the answer. */
  async says(text) {
    this.before = await this.answers.count();
    const box = this.page.locator("#say input[name=text]");
    await box.fill(text);
    await box.press("Enter");
  }

  /** Wait for a message of the bot with these words, since this person spoke, and return it. */
  async reads(...words) {
    let place = -1;
    const end = Date.now() + TIMEOUT;
    for (;;) {
      const texts = await this.answers.allInnerTexts();
      place = texts.findIndex((text, at) =>
        at >= this.before && words.every((word) => text.includes(word)));
      if (place >= 0) { return this.answers.nth(place); }
      if (Date.now() > end) {
        complain(`${this.platform}: ${this.user} waited for "${words.join('", "')}" and read:\n`
          + (texts.slice(this.before).map(short).join("\n") || "nothing"));
      }
      await this.page.waitForTimeout(50);
    }
  }

  /** Wait for a message of the bot with these words, to any person. */
  async sees(...words) {
    this.before = 0;
    return this.reads(...words);
  }

  async everything() { return this.page.locator("body").innerText(); }

  /** Wait for a text that only this person sees: beside a card, or in their own chat. */
  async readsAlone(words) {
    const alone = this.platform === "slack" ? "article.whisper" : "#notice";
    const own = new URLSearchParams(PLACES[this.platform](this.user));
    const page = await this.page.context().browser().newPage();
    await page.goto(`${process.env[this.platform.toUpperCase()]}/?${own}`);
    await this.until(`a private text: ${words}`, async () => {
      const here = await this.page.locator(alone).allInnerTexts();
      const there = await page.locator("article.bot").allInnerTexts();
      return [...here, ...there].some((text) => text.toLowerCase().includes(words));
    });
    await page.close();
  }

  async presses(message, label) {
    const button = message.getByRole("button", { name: label, exact: true });
    if (!(await button.count())) {
      const there = await message.getByRole("button").allInnerTexts();
      complain(`${this.platform}: ${this.user} sees no button "${label}", but ${there.join(", ") || "none"}`);
    }
    await button.click();
  }

  /** Wait for a condition; `what` is in the error on timeout. */
  async until(what, wanted) {
    const end = Date.now() + TIMEOUT;
    while (!(await wanted())) {
      if (Date.now() > end) { complain(`${this.platform}: ${this.user} timeout: ${what}`); }
      await this.page.waitForTimeout(50);
    }
  }

  /** Return how many messages there are by now. */
  async count() { return this.page.locator("article").count(); }

  /** Take a picture of the conversation from a message on, in a theme and a width. */
  async picture(file, theme, width, from = 0) {
    await this.page.emulateMedia({ colorScheme: theme });
    const before = this.page.viewportSize();
    const { height } = before;
    await this.page.setViewportSize({ width, height });
    const more = await this.page.evaluate(() => {
      const main = document.getElementById("messages");
      return Math.max(0, main.scrollHeight - main.clientHeight);
    });
    await this.page.setViewportSize({ width, height: Math.min(height + more, 15_000) });
    const [top, bottom] = await this.page.evaluate((first) => {
      const there = document.querySelectorAll("article");
      return [there[first].getBoundingClientRect().top, there[there.length - 1].getBoundingClientRect().bottom];
    }, from);
    const clip = { x: 0, y: Math.max(0, top - 16), width, height: bottom - top + 40 };
    await this.page.screenshot({ path: file, clip });
    await this.page.setViewportSize(before);
  }
}
