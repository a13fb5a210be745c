// The thread pane at the right.

import { h, icon } from "./h.js";
import { channel, displayName, person } from "./store.js";
import { messageList } from "./list.js";
import { composer } from "./composer.js";
import { goto } from "./actions.js";

export function threadPane(id, ts) {
  const c = channel(id);
  const list = messageList({ id, thread: ts });
  const shut = () => goto(id);
  const root = h("aside", { class: "thread", "aria-label": "Thread", data: { testid: "thread" }, onkeydown: (e) => { if (e.key === "Escape" && !e.defaultPrevented) shut(); } },
    h("header", { class: "thread-head" }, h("h2", null, "Thread"), h("span", { class: "muted" }, c?.is_im ? displayName(person(c.user)) : `#${c?.name ?? ""}`),
      h("button", { class: "icon-button", type: "button", "aria-label": "Close thread", data: { testid: "thread-close" }, onclick: shut }, icon("close"))),
    list, h("div", { class: "pane-foot" }, c?.is_archived ? null : composer({ id, thread: ts }, { placeholder: "Reply…" })));
  root.destroy = () => list.destroy();
  return root;
}
