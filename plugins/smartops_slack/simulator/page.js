"use strict";
const messages = document.getElementById("messages");
const told = document.getElementById("told");
const state = document.getElementById("state");
const where = document.getElementById("where");
const say = document.getElementById("say");
const here = new URLSearchParams(new FormData(where));
let thread = "";
let timer = 0;
let spoken = true;

async function act(name, fields) {
  const answer = await fetch(`/page/${name}?${here}`, { method: "POST", body: fields });
  told.textContent = answer.ok ? "" : await answer.text();
  clearTimeout(timer);
  timer = setTimeout(() => { told.textContent = ""; }, 8000);
}

where.addEventListener("change", () => { where.submit(); });

say.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(say));
  fields.set("thread", thread);
  say.reset();
  spoken = true;
  answerIn("");
  if (fields.get("text").trim()) { await act("say", fields); }
});

function answerIn(ts) {
  thread = ts;
  say.text.placeholder = ts ? "Reply in the thread" : say.dataset.invitation;
  say.text.focus();
}
say.dataset.invitation = say.text.placeholder;

messages.addEventListener("click", (event) => {
  if (event.target.classList.contains("reply")) {
    answerIn(event.target.closest("section").dataset.thread);
  }
});

messages.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new URLSearchParams(new FormData(form));
  event.submitter.disabled = true;
  if (form.dataset.view) {
    fields.set("view", form.dataset.view);
    await act(event.submitter.value, fields);
  } else {
    fields.set("ts", form.dataset.ts);
    fields.set("action", event.submitter.name);
    await act("press", fields);
  }
  event.submitter.disabled = false;
});

const fields = () => [...messages.querySelectorAll("form input, form select")];
const place = (field) => `${field.form.dataset.view || field.form.dataset.ts} ${field.name}`;

/** Show what there is now: what somebody fills in stays, and so does what somebody reads. */
function show(html) {
  const kept = new Map(fields().map((field) => [place(field), field]));
  const active = document.activeElement;
  const below = messages.scrollHeight - messages.scrollTop - messages.clientHeight;
  messages.innerHTML = html;
  for (const field of fields()) {
    const before = kept.get(place(field));
    if (before) { field.replaceWith(before); }
    if (before === active) { before.focus(); }
  }
  if (below < 100 || spoken) { messages.scrollTop = messages.scrollHeight; }
  spoken = false;
}

async function follow() {
  let mark = "";
  for (;;) {
    try {
      const answer = await fetch(`/page/news?${here}&known=${mark}`);
      if (answer.status === 200) {
        const news = await answer.json();
        mark = news.mark;
        show(news.html);
      }
      state.textContent = "";
    } catch {
      state.textContent = "the simulator is away";
      await new Promise((done) => { setTimeout(done, 1000); });
    }
  }
}
follow();
