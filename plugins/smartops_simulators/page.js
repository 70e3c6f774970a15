// The page: shows a conversation, and sends what is typed and pressed.
const [messages, hints, notice, state, where, say, news] =
  ["messages", "hints", "notice", "state", "where", "say", "news"].map((id) => document.getElementById(id));
const narrow = document.querySelector("#width input");
const option = (chosen) => ([value, title]) => new Option(title, value, false, value === chosen);
where.user.append(...page.people.map((name) =>
  option(page.user)([name, name[0].toUpperCase() + name.slice(1)])));
where.place.append(...Object.entries(page.places).map(option(page.place)));
hints.append(...page.hints.map((hint) => el("button", { type: "button" }, hint)));
document.body.classList.add(page.platform);
say.text.placeholder = page.invitation;
const here = new URLSearchParams(new FormData(where));
let thread = "";
let timer = 0;
let spoken = true;

async function send(name, fields) {
  const answer = await fetch(`/page/${name}?${here}`, { method: "POST", body: fields });
  notice.textContent = await answer.text();
  clearTimeout(timer);
  timer = setTimeout(() => { notice.textContent = ""; }, 8000);
}

narrow.checked = localStorage.narrow === "yes";
function resize() {
  document.body.classList.toggle("narrow", narrow.checked);
  localStorage.narrow = narrow.checked ? "yes" : "";
}
narrow.addEventListener("change", resize);
resize();

where.addEventListener("change", (event) => { if (event.target.name) { where.submit(); } });

async function speak(fields) {
  fields.set("thread", thread);
  spoken = true;
  answerIn("");
  if (fields.get("text").trim()) { await send("say", fields); }
}

say.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(say));
  say.reset();
  speak(fields);
});

hints.addEventListener("click", (event) => {
  if (event.target.tagName === "BUTTON") {
    speak(new URLSearchParams({ text: event.target.textContent }));
  }
});

function answerIn(ts) {
  thread = ts;
  say.text.placeholder = ts ? "Reply in the thread" : page.invitation;
  say.text.focus();
}

messages.addEventListener("click", (event) => {
  if (event.target.classList.contains("reply")) {
    answerIn(event.target.closest("section").dataset.thread);
  }
});

messages.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  fields.set("message", form.dataset.message);
  event.submitter.disabled = true;
  await send("press", fields);
  event.submitter.disabled = false;
});

const fields = () => [...messages.querySelectorAll("form input, form select")];
const place = (field) => `${field.form.dataset.message} ${field.name}`;

/** Show the messages; filled in fields stay, and so does the place where one reads. */
function show(shown) {
  const filled = new Map(fields().map((field) => [place(field), field]));
  const active = document.activeElement;
  const below = messages.scrollHeight - messages.scrollTop - messages.clientHeight;
  names = shown.names;
  messages.replaceChildren(...conversation(page, shown));
  for (const dialog of messages.querySelectorAll("dialog")) {
    dialog.showModal();
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      dialog.querySelector("[value=close]").click();
    });
  }
  hints.hidden = shown.messages.length > 0;
  for (const field of fields()) {
    const before = filled.get(place(field));
    if (before) { field.replaceWith(before); }
    if (before === active) { before.focus(); }
  }
  if (below < 100 || spoken) { messages.scrollTop = messages.scrollHeight; }
  spoken = false;
}

/** Name the other conversations with new messages, in the selector and beside it. */
function markUnread(unread) {
  news.replaceChildren();
  for (const option of where.place.options) {
    const label = option.text.replace(/^● /, "");
    const isNew = unread.includes(option.value);
    option.text = isNew ? `● ${label}` : label;
    if (isNew) {
      const go = Object.assign(document.createElement("button"), { textContent: `New in ${label}` });
      go.addEventListener("click", () => { where.place.value = option.value; });
      news.append(go);
    }
  }
}

async function follow() {
  let mark = "";
  let drawn = null;
  for (;;) {
    try {
      const answer = await fetch(`/page/news?${here}&known=${mark}`);
      if (answer.status === 200) {
        const now = await answer.json();
        const shown = JSON.stringify(now.messages);
        if (shown !== drawn) { show(now); }
        drawn = shown;
        markUnread(now.unread);
        state.textContent = now.trouble;
        mark = now.mark;
      }
    } catch {
      state.textContent = "The simulator does not answer.";
      mark = "";
      await new Promise((done) => { setTimeout(done, 1000); });
    }
  }
}
follow();
