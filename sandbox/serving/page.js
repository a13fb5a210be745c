// What the pages of PagerDuty and GitHub do alike: show the state every two seconds, press buttons as somebody.

const EVERY = 2000;
const unfolded = new Set();
let shown = "";
let look = () => {};
let silent = "";

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** The time of day; the whole date where the mouse rests on it. */
export function clock(at) {
  return h("time", { datetime: at.toISOString(), title: at.toLocaleString() }, at.toTimeString().slice(0, 8));
}

/** Stays open or closed, however often the page is drawn. */
export function fold(key, attributes, ...children) {
  return h("details", { ...attributes, open: unfolded.has(key), ontoggle: (event) => unfolded[event.target.open ? "add" : "delete"](key) }, ...children);
}

export function unfold(key) {
  unfolded.add(key);
}

/** A list and its length. */
export function fill(id, articles, empty) {
  $(id).replaceChildren(...(articles.length ? articles : [h("p", { class: "empty" }, empty)]));
  $(`${id}-count`).textContent = articles.length;
}

/** Whom one acts as: who was chosen, else who the address names, else the usual one. */
export function people(everybody, key, usual) {
  const wanted = $("as").value || new URLSearchParams(location.search).get("as") || usual;
  $("as").replaceChildren(...everybody.map((one) => h("option", { value: one[key], selected: one[key] === wanted }, one.name)));
}

export async function press(what, given) {
  try {
    const body = JSON.stringify({ as: $("as").value, ...given });
    const answer = await fetch(`/people/${what}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const said = await answer.json();
    trouble(said.ok ? "" : said.message);
  } catch {
    trouble(silent);
  }
  await refresh();
}

/** `render(state, isFirst)` whenever something changed; it may return the id of what the address means. */
export function follow(render, whenSilent) {
  look = render;
  silent = whenSilent;
  refresh();
  setInterval(refresh, EVERY);
}

async function refresh() {
  try {
    const state = await (await fetch("/people/state", { cache: "no-store" })).json();
    if ($("trouble").textContent === silent) trouble("");
    delete state.now;
    const text = JSON.stringify(state);
    if (text === shown) return;
    const isFirst = !shown;
    shown = text;
    draw(state, isFirst);
  } catch {
    trouble(silent);
  }
}

/** What is typed and where the keyboard is stay. */
function draw(state, isFirst) {
  const focus = document.activeElement && document.activeElement.dataset.testid;
  const typed = Object.fromEntries([...document.querySelectorAll("form input")].map((field) => [field.dataset.testid, field.value]));
  const target = look(state, isFirst);
  for (const field of document.querySelectorAll("form input")) field.value = typed[field.dataset.testid] || "";
  if (focus) document.querySelector(`[data-testid="${CSS.escape(focus)}"]`)?.focus();
  const meant = isFirst && target && document.getElementById(target);
  if (!meant) return;
  meant.closest("article").classList.add("meant");
  meant.scrollIntoView();
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}
