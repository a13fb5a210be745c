// The page starts here: who acts, what is open, and the three columns.

import { h, replace } from "./h.js";
import { on, store, channel, displayName, me, person } from "./store.js";
import { follow, loadState, loadViews } from "./actions.js";
import { listen } from "./live.js";
import { sidebar } from "./sidebar.js";
import { channelPane } from "./channel.js";
import { threadPane } from "./thread.js";
import { homePane } from "./home.js";
import { modals } from "./modal.js";
import { worldPane } from "./world.js";
import { switcher } from "./switcher.js";
import { permalink } from "./mrkdwn.js";
import { fillDate } from "./time.js";

const FIRST_PERSON = "U0ANA"; // who acts when the address names nobody

async function start() {
  const app = document.getElementById("app");
  store.as = new URLSearchParams(location.search).get("as") ?? sessionStorage.getItem("as") ?? FIRST_PERSON;
  const place = permalink(location.href);
  if (place) history.replaceState(null, "", `/?as=${store.as}${place}`);
  let state = await loadState();
  while (state.ok === false && state.error === "connection_lost") {
    replace(app, h("p", { class: "boot", role: "alert" }, state.message));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    state = await loadState();
  }
  if (state.ok === false) {
    store.as = FIRST_PERSON;
    state = await loadState();
    if (state.ok === false) { replace(app, h("p", { class: "boot", role: "alert" }, state.message ?? state.error)); return; }
  }
  history.replaceState(null, "", `/?as=${store.as}${location.hash}`);
  sessionStorage.setItem("as", store.as);
  const main = h("main", { class: "main" });
  const offline = h("div", { class: "offline", role: "status", hidden: true }, "Connection to the workspace lost. Reconnecting…");
  replace(app, switcher(), h("div", { class: "columns" }, sidebar(), h("div", { class: "veil", onclick: () => document.body.classList.remove("side-open") }), main, worldPane()), offline);
  on("link", () => { offline.hidden = store.online; });
  modals();
  panes(main);
  on("state", title);
  addEventListener("hashchange", () => { document.body.classList.remove("side-open"); follow(); });
  setInterval(freshen, 20_000);
  await listen();
  await Promise.all([follow(), loadViews()]);
}

/** Swaps the panes when the route changes; what stays the same stays untouched. */
function panes(main) {
  let pane = null;
  let thread = null;
  on("route", () => {
    const { page, tab, channel: id, thread: ts } = store.route;
    const key = page === "home" ? `home ${tab} ${tab === "messages" ? id : ""}` : id;
    if (key && pane?.key !== key) {
      pane?.node.destroy();
      pane?.node.remove();
      pane = { key, node: page === "home" ? homePane(tab, id) : channelPane(id) };
      main.prepend(pane.node);
      if (!ts && matchMedia("(min-width: 700px)").matches && !store.views.length) pane.node.focusText();
    }
    const threadKey = ts ? `${id} ${ts}` : null;
    if (thread?.key !== threadKey) {
      thread?.node.destroy();
      thread?.node.remove();
      thread = threadKey ? { key: threadKey, node: threadPane(id, ts) } : null;
      if (thread) { main.append(thread.node); thread.node.querySelector(".composer-text")?.focus(); }
    }
    main.classList.toggle("with-thread", Boolean(thread));
    title();
  });
}

function title() {
  const unread = [...store.channels.values()].reduce((sum, c) => sum + (c.mentions ?? 0), 0);
  const c = channel();
  const where = store.route.page === "home" ? displayName(person(store.bot.user_id)) : c ? (c.is_im ? displayName(person(c.user)) : c.name) : "";
  document.title = `${unread ? `(${unread}) ` : ""}${where} — ${store.team.name ?? ""} (${displayName(me())})`;
}

/** "5 minutes ago" grows older by itself. */
function freshen() {
  for (const el of document.querySelectorAll("time[data-format]")) el.textContent = fillDate(new Date(el.getAttribute("datetime")), el.dataset.format);
}

start().catch((error) => {
  console.error(error);
  replace(document.getElementById("app"), h("p", { class: "boot", role: "alert" }, "This page could not start: ", String(error)));
});

