// Pictures of conversations as the simulators' pages show them, light and dark.

import { Person, run } from "./browser.mjs";

const FOLDER = process.env.FOLDER;
const WIDTHS = [390, 900]; // a phone, and a window

// Scenes: what alice says in her own chat, a word of the answer, and a button that she presses there.
const SCENES = {
  known: [
    ["help", "whoami"],
    ["help stop", "stop"],
    ["whoami", "alice"],
  ],
  lists: [
    ["list instances --name web-server-*", "web-server-02"],
    ["list instances", "Next page"],
    ["show web-server-01", "web-server-01 is running"],
  ],
  health: [
    ["check health", "Disk nearly full"],
  ],
  scripts: [
    ['execute "df -h" on web-server-01', "Filesystem"],
    ['execute "systemctl status nginx" on web-server-01,web-server-02', "nginx.service"],
  ],
  changes: [
    ["stop", "which targets"],
    ["stop web-server-02", "required: Stop web-server-02"],
    ["reboot worker-01", "required: Reboot worker-01", "Cancel", "Cancelled"],
    ["stop staging-web-01", "required: Stop staging-web-01", "Yes, proceed", "is stopped"],
    ['execute "systemctl restart nginx" on worker-02', "on worker-02", "Yes, proceed", "exit code"],
    ["operations", "stop staging-web-01"],
    ["history", "systemctl restart"],
    ["approvals", "web-server-02"],
  ],
  refusals: [
    ["sotp web-server-01", "Did you mean"],
    ["stop orders-db-01", "hands-off-databases"],
    ["show nothing-01", "nothing-01"],
    ["list instances --colour red", "--colour"],
    ['execute "rm -rf /" on web-server-01', "not allowed"],
    ["start web-server-01", "running"],
  ],
  guards: [
    ['lock worker-01 for 2h "migration"', "required: Lock worker-01", "Yes, proceed", "is locked until"],
    ["stop worker-01", "locked by"],
    ["freeze production for 2h because the release is under way", "required: Freeze", "Yes, proceed", "is frozen until"],
    ["stop web-server-01", "production is frozen until"],
    ["freezes", "the release is under way"],
    ["tag staging-batch-01 Owner=me", "required: Set 1 tag", "Yes, proceed", "1 tag of staging-batch-01 changed"],
    ["undo", "tag staging-batch-01 Owner=me"],
  ],
};

// What Slack attaches is in Teams some twenty cards: too long for a picture.
const ONLY = {
  slack: { files: [['execute "seq 9000" on web-server-01', "bytes"]] },
  teams: {},
};

async function conversation(browser, platform) {
  const alice = await Person.at(browser, platform, "alice");
  for (const [scene, steps] of Object.entries({ ...SCENES, ...ONLY[platform] })) {
    const from = await alice.count();
    for (const [text, answer, button, after] of steps) {
      await alice.says(text);
      const message = await alice.reads(answer);
      if (button) {
        await alice.presses(message, button);
        await alice.reads(after);
      }
    }
    for (const width of WIDTHS) {
      for (const theme of ["light", "dark"]) {
        const file = `${FOLDER}/${platform}-${scene}-${width}-${theme}.png`;
        await alice.picture(file, theme, width, from);
        console.log(file);
      }
    }
  }
  await alice.page.close();
}

/** Changes that alice requests and bob decides: what both of them see. */
async function approvals(browser, platform) {
  const alice = await Person.at(browser, platform, "alice");
  const bob = await Person.at(browser, platform, "bob");
  const from = await alice.count();

  async function requests(text) {
    await alice.says(text);
    await alice.presses(await alice.reads("Confirmation required"), "Yes, proceed");
    const card = await alice.reads("Approval required");
    return (await card.innerText()).match(/ap-[0-9a-f]{12}/)[0];
  }

  await alice.says("stop dc-01");
  await alice.reads("Why?");
  const approved = await requests('stop dc-01 --reason "the disks are replaced"');
  await bob.says("approvals");
  await bob.reads("Approval required");
  await bob.says(`approve ${approved}`);
  await bob.reads("approved by bob");
  const denied = await requests('start dc-01 --reason "the disks are back"');
  await bob.says(`deny ${denied} because they are not tested`);
  await bob.reads("bob denied it");
  const half = await requests("reboot bastion-01");
  await bob.says(`approve ${half}`);
  await bob.reads("1 of 2");
  await requests("stop bastion-01");
  await alice.says('reboot bastion-01 --emergency "all logins hang"');
  await alice.presses(await alice.reads("EMERGENCY: all logins hang"), "Yes, proceed");
  await alice.reads("EMERGENCY of alice");
  await alice.until("the decisions", async () => {
    const text = await alice.everything();
    return ["approved by bob", "bob denied it", "1 of 2"].every((words) => text.includes(words));
  });
  for (const [person, first] of [[alice, from], [bob, 0]]) {
    for (const width of WIDTHS) {
      for (const theme of ["light", "dark"]) {
        const file = `${FOLDER}/${platform}-approvals-${person.user}-${width}-${theme}.png`;
        await person.picture(file, theme, width, first);
        console.log(file);
      }
    }
    await person.page.close();
  }
}

await run(async (browser) => {
  await conversation(browser, process.env.PLATFORM);
  await approvals(browser, process.env.PLATFORM);
});
