// Draws Block Kit and Adaptive Cards: one function for each type of element.

/** Return an element; attributes that are undefined or false are left out. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) { made.setAttribute(name, value === true ? "" : value); }
  }
  made.append(...children.flat());
  return made;
}

let names = {}; // of people in Slack, by id
const EMOJI = { information_source: "ℹ️", rotating_light: "🚨", warning: "⚠️", white_check_mark: "✅" };
const STYLES = { bold: "b", italic: "i", strike: "s", code: "code" };

const draw = (part) => (DRAW[part.type] ?? unknown)(part);
const all = (parts) => (parts ?? []).map(draw);
const unknown = (part) => el("p", { class: "unknown" }, `${part.type} is not drawn here`);
const named = (text) => el("span", { class: "name" }, text);
const button = (title, value, style, formnovalidate = false) =>
  el("button", { name: "what", value, class: style ?? "default", formnovalidate }, title);
const field = (label, control, ...more) => el("label", { class: "field" }, label, control, ...more);

/** Return Markdown that escapes everything as the text it stands for. */
const unescaped = (text) => text.replace(/\\(.)/gs, "$1");

/** Split a text by a pattern with groups; the matches become elements. */
function split(text, pattern, match, plain = (it) => it) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(plain(text.slice(end, found.index)), match(found));
    end = found.index + found[0].length;
  }
  return [...parts, plain(text.slice(end))];
}

const entities = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

function token([, sign, target, label]) {
  if (sign === "@") { return named(`@${names[target] ?? target}`); }
  return sign ? named(`${sign}${label ?? target}`) : entities(label ?? target);
}

/** Return what a person or a plain message says, in the markup of the platform. */
const marked = {
  slack: (text) => split(text, /<([@#!]?)([^|<>]+)(?:\|([^<>]*))?>/g, token, entities),
  teams: (text) => split(text, /<at>(.*?)<\/at>/g, (found) => el("b", { class: "at" }, `@${found[1]}`)),
};

function styled(part) {
  const classes = [part.color && `c-${part.color}`, part.weight === "Bolder" && "bold",
    part.isSubtle && "subtle", part.fontType === "Monospace" && "mono"];
  return classes.filter(Boolean).join(" ").toLowerCase();
}

function inline(part) {
  const made = document.createTextNode(part.text ?? part.url ?? "");
  return Object.keys(part.style ?? {}).reduce((inside, style) => el(STYLES[style], {}, inside), made);
}

function choices(name, required, options, chosen) {
  const drawn = options.map(([value, title]) => el("option", { value, selected: value === chosen }, title));
  return el("select", { name, required }, el("option", { value: "" }), drawn);
}

function table(part) {
  const shares = part.columns.map((column) => column.width ?? 1);
  const sum = shares.reduce((one, other) => one + other, 0);
  const columns = shares.map((share) => el("col", { style: `width:${(100 * share) / sum}%` }));
  const rows = part.rows.map((row) => el("tr", {}, row.cells.map((cell) => el("td", {}, all(cell.items)))));
  return el("table", {}, el("colgroup", {}, columns), rows);
}

function cardInput(part) {
  const required = Boolean(part.isRequired);
  const label = el("span", { class: required && "needed" }, part.label ?? part.title ?? "");
  const { id: name, value = "" } = part;
  if (part.choices) {
    return field(label, choices(name, required, part.choices.map((it) => [it.value, it.title]), value));
  }
  if (part.type === "Input.Toggle") {
    return field(label, el("input", { type: "checkbox", name, value: "true", checked: value === "true" }));
  }
  const type = part.type === "Input.Number" ? "number" : "text";
  return field(label, el("input", { type, name, value, placeholder: part.placeholder, required }));
}

function blockInput({ label, element, hint, block_id: name, optional }) {
  const required = !optional;
  const more = hint ? [el("small", {}, draw(hint))] : [];
  if (element.options) {
    const options = element.options.map((it) => [it.value, it.text.text]);
    return field(draw(label), choices(name, required, options, element.initial_option?.value), ...more);
  }
  const type = element.type === "number_input" ? "number" : "text";
  const value = element.initial_value ?? "";
  return field(draw(label), el("input", { type, step: "any", name, value, autocomplete: "off", required }), ...more);
}

const run = (part) => el("span", { class: styled(part) }, part.text ?? part);
const paragraph = (tag) => (part) => el(tag, {}, all(part.elements));
const bound = (text) => el("span", {}, marked.slack(text));
const DRAW = {
  // Adaptive Cards
  TextBlock: (it) => el(it.style === "heading" ? "h3" : "p", { class: styled(it) }, unescaped(it.text)),
  RichTextBlock: (it) => el("p", {}, it.inlines.map(run)),
  Container: (it) => el("div", { class: `box s-${it.style ?? "default"}` }, all(it.items)),
  FactSet: (it) => el("dl", {}, it.facts.flatMap(({ title, value }) =>
    [el("dt", {}, unescaped(title)), el("dd", {}, unescaped(value))])),
  Table: table,
  ActionSet: (it) => el("footer", {}, it.actions.map((each) =>
    button(each.title, each.title, each.style, each.associatedInputs === "none"))),
  "Input.Text": cardInput, "Input.Number": cardInput, "Input.ChoiceSet": cardInput, "Input.Toggle": cardInput,
  // Block Kit
  divider: () => el("hr", {}),
  header: (it) => el("h2", {}, draw(it.text)),
  section: (it) => el("div", {}, it.text ? el("p", {}, draw(it.text)) : [],
    it.fields ? el("div", { class: "fields" }, it.fields.map((each) => el("p", {}, draw(each)))) : []),
  context: (it) => el("small", { class: "context" }, it.elements.flatMap((each, at) =>
    [at ? el("br", {}) : "", draw(each)])),
  actions: (it) => el("footer", {}, it.elements.map((each) =>
    button(each.text.text, each.action_id, each.style ?? "", true))),
  input: blockInput,
  rich_text: (it) => el("div", {}, all(it.elements)),
  rich_text_section: paragraph("p"),
  rich_text_preformatted: paragraph("pre"),
  rich_text_quote: paragraph("blockquote"),
  rich_text_list: (it) => el("ul", {}, it.elements.map((each) => el("li", {}, draw(each)))),
  text: inline,
  link: inline,
  user: (it) => named(`@${names[it.user_id] ?? it.user_id}`),
  emoji: (it) => EMOJI[it.name] ?? `:${it.name}:`,
  plain_text: (it) => it.text,
  mrkdwn: (it) => bound(it.text),
};

function file({ id, title, name, length }) {
  const size = `${name}, ${length.toLocaleString("en")} bytes`;
  return el("a", { class: "file", href: `/files/${id}` }, "📄 ", el("b", {}, title || name), el("small", {}, size));
}

function dialog({ id, view }) {
  const buttons = [
    el("button", { name: "what", value: "close", formnovalidate: true }, "Cancel"),
    button(view.submit?.text ?? "Submit", "submit", "primary"),
  ];
  return el("dialog", {}, el("form", { class: "dialog", "data-message": id },
    el("h2", {}, view.title.text), all(view.blocks), el("footer", {}, buttons)));
}

const CARD = "application/vnd.microsoft.card.adaptive";

/** Return the text, the elements and the note of a message: of Slack, or an activity of Teams. */
function content(user, it) {
  const edited = it.edits > 0;
  if (!it.activity) {
    const note = it.to ? "Only visible to you" : edited && "(edited)";
    return { text: it.fallback, parts: it.blocks, note: note || "" };
  }
  const shared = (it.activity.attachments ?? []).find((each) => each.contentType === CARD)?.content;
  const { body = [], actions } = it.views[user] ?? shared ?? {};
  const note = user in it.views ? "Only you see this" : edited && "Changed";
  const parts = actions ? [...body, { type: "ActionSet", actions }] : body;
  return { text: it.activity.text ?? "", parts, note: note || "" };
}

function article({ platform, user }, it) {
  const { text, parts, note } = content(user, it);
  const bot = it.author === "bot";
  const author = bot ? "SmartOps" : it.author;
  const inside = parts.length ? all(parts) : el("p", { class: "said" }, marked[platform](text));
  const kind = platform === "teams" && parts.length ? "card" : "message";
  return el("article", { class: `${bot ? "bot" : "person"} ${it.to ? "whisper" : ""}`,
    "data-initial": author[0].toUpperCase() },
  el("header", {}, el("b", {}, author), note),
  el("form", { class: kind, "data-message": it.id }, inside, (it.files ?? []).map(file)));
}

/** Return messages as sections, one for each thread, and the dialogs; without threads, the messages. */
function conversation(viewer, { messages, threads }) {
  const begun = new Map();
  const drawn = [];
  for (const it of messages) {
    const thread = it.thread || it.id;
    const rest = begun.get(thread);
    if (it.view) {
      drawn.push(dialog(it));
    } else if (!threads) {
      drawn.push(article(viewer, it));
    } else if (rest) {
      rest.lastChild.before(article(viewer, it));
    } else {
      begun.set(thread, el("div", { class: "thread" }, el("button", { class: "reply", type: "button" }, "Reply")));
      drawn.push(el("section", { "data-thread": thread }, article(viewer, it), begun.get(thread)));
    }
  }
  return drawn;
}
