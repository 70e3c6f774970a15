// Pictures of the cards that the official renderer draws; fails if that complains.

import { complain, run } from "./browser.mjs";

await run(async (browser) => {
  for (const theme of ["light", "dark"]) {
    const page = await browser.newPage({ viewport: { width: 1700, height: 900 } });
    await page.goto(`file://${process.env.PAGES}/cards-${theme}.html`);
    const complaints = await page.locator(".complaint").allInnerTexts();
    if (complaints.length) { complain(`the renderer complains:\n${complaints.join("\n")}`); }
    const file = `${process.env.FOLDER}/cards-${theme}.png`;
    await page.screenshot({ path: file, fullPage: true });
    console.log(file);
  }
});
