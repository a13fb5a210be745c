// The bot's own place: the Home tab (its view) and the Messages tab (the direct conversation).

import { h, icon, replace } from "./h.js";
import { on, store, displayName, person } from "./store.js";
import { Form } from "./blocks/form.js";
import { renderView } from "./blocks/index.js";
import { act } from "./actions.js";
import { avatar } from "./people.js";
import { channelPane } from "./channel.js";

export function homePane(tab, channelId) {
  const bot = person(store.bot.user_id) ?? { id: store.bot.user_id, name: store.bot.name, is_bot: true };
  const link = (name, label) => h("a", { class: ["tab", tab === name && "active"], role: "tab", "aria-selected": String(tab === name), href: name === "home" ? "#/home" : "#/home/messages", data: { testid: `tab-${name}` } }, label);
  const inside = tab === "home" ? homeTab() : channelId ? channelPane(channelId, { bare: true }) : h("p", { class: "empty" }, "Opening the conversation…");
  const root = h("section", { class: "pane home-pane", "aria-label": displayName(bot) },
    h("header", { class: "channel-head" },
      h("button", { class: "icon-button menu-button", type: "button", "aria-label": "Show the sidebar", onclick: () => document.body.classList.toggle("side-open") }, icon("menu")),
      h("h2", null, avatar(bot, 24), displayName(bot), h("span", { class: "badge-app" }, "APP"))),
    h("div", { class: "tabs", role: "tablist" }, link("home", "Home"), link("messages", "Messages")), inside);
  root.destroy = () => inside.destroy?.();
  root.focusText = () => inside.focusText?.();
  return root;
}

function homeTab() {
  const host = h("div", { class: "blocks home-blocks", data: { testid: "home" } });
  const error = h("div", { class: "action-error", role: "alert", hidden: true });
  const empty = h("p", { class: "empty" }, "This app has not published its Home tab yet.");
  const root = h("div", { class: "home-scroll", tabindex: "0", "aria-label": "Home" }, h("div", { class: "home-page" }, empty, error, host));
  const form = new Form();
  const draw = () => {
    const view = store.home;
    empty.hidden = Boolean(view);
    host.hidden = !view;
    if (!view) return;
    const ctx = { surface: "home", form, onerror: (text) => { replace(error, icon("warn", 16), text); error.hidden = false; } };
    ctx.act = (element, block, fields, anchor) => { error.hidden = true; return act({ container: { type: "view", view_id: store.home.id }, form, onerror: ctx.onerror }, element, block, fields, anchor); };
    renderView(host, view, ctx);
  };
  const off = on("home", draw);
  root.destroy = off;
  draw();
  return root;
}
