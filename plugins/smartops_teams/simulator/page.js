"use strict";
const messages = document.getElementById("messages");
const told = document.getElementById("told");
const state = document.getElementById("state");
const here = new URLSearchParams(new FormData(document.getElementById("where")));
let timer = 0;
let spoken = true;

function tell(text) {
  told.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { told.textContent = ""; }, 8000);
}

document.getElementById("where").addEventListener("change", (event) => {
  event.currentTarget.submit();
});

document.getElementById("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const said = new URLSearchParams(new FormData(form));
  form.reset();
  spoken = true;
  if (said.get("text").trim()) {
    await fetch("/page/say?" + here, { method: "POST", body: said });
  }
});

messages.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  fields.set("message", form.dataset.click);
  event.submitter.disabled = true;
  const answer = await fetch("/page/click?" + here, { method: "POST", body: fields });
  event.submitter.disabled = false;
  const words = await answer.text();
  if (words) { tell(words); }
});

const fields = () => [...messages.querySelectorAll("form input, form select")];
const place = (field) => `${field.form.dataset.click} ${field.name}`;

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
      const answer = await fetch("/page/messages?" + here + "&known=" + mark);
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
