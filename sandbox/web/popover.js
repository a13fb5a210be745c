// Things that float above the page: menus, pickers, confirm dialogs; and keeping the keyboard inside them.

import { h, append, icon } from "./h.js";
import { textObject, plainString } from "./mrkdwn.js";

const layer = () => document.getElementById("layer");

/** Shows `content` next to `anchor`; closes on Escape, a click elsewhere, or when the anchor leaves the page. Returns close(). */
export function popover(anchor, content, { role = "dialog", label, align = "start", onclose, width } = {}) {
  const box = h("div", { class: "popover", role, "aria-label": label, style: width ? { width: `${width}px` } : {} }, content);
  layer().append(box);
  anchor.setAttribute("aria-expanded", "true");
  const place = () => {
    if (!anchor.isConnected) return close(false);
    const a = anchor.getBoundingClientRect();
    const b = box.getBoundingClientRect();
    const below = a.bottom + 4 + b.height <= innerHeight - 8;
    const left = align === "end" ? a.right - b.width : a.left;
    box.style.left = `${Math.max(8, Math.min(left, innerWidth - b.width - 8))}px`;
    box.style.top = `${below ? a.bottom + 4 : Math.max(8, a.top - b.height - 4)}px`;
  };
  const outside = (e) => { if (!box.contains(e.target) && !anchor.contains(e.target)) close(false); };
  const keys = (e) => {
    if (e.key === "Escape") { e.stopPropagation(); e.preventDefault(); close(true); }
    if (e.key === "Tab" && !trap(box, e)) close(true);
  };
  const watch = setInterval(place, 200);
  let open = true;
  function close(refocus = true) {
    if (!open) return;
    open = false;
    clearInterval(watch);
    box.remove();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("scroll", place, true);
    removeEventListener("resize", place);
    if (refocus) anchor.focus();
    onclose?.();
  }
  box.addEventListener("keydown", keys);
  document.addEventListener("pointerdown", outside, true);
  addEventListener("scroll", place, true);
  addEventListener("resize", place);
  place();
  return close;
}

const FOCUSABLE = 'a[href], button:not(:disabled), input:not(:disabled), textarea:not(:disabled), select:not(:disabled), [tabindex="0"]';
export const focusable = (box) => [...box.querySelectorAll(FOCUSABLE)].filter((el) => el.offsetParent !== null);

/** Keeps Tab inside `box`; false when there is nothing to focus in it. */
export function trap(box, event) {
  const all = focusable(box);
  if (!all.length) return false;
  const first = all[0];
  const last = all.at(-1);
  if (event.shiftKey && (document.activeElement === first || !box.contains(document.activeElement))) { last.focus(); event.preventDefault(); }
  else if (!event.shiftKey && (document.activeElement === last || !box.contains(document.activeElement))) { first.focus(); event.preventDefault(); }
  return true;
}

/** Arrow keys through the items of a menu or list box. */
export function arrows(box, selector, event) {
  if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const items = [...box.querySelectorAll(selector)];
  if (!items.length) return;
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? items.length - 1 : at - 1, Home: 0, End: items.length - 1 }[event.key];
  items[(next + items.length) % items.length].focus();
  event.preventDefault();
}

/** items: {label, hint?, href?, run, icon?, danger?} | {heading} | "-" */
export function menu(anchor, items, { label = "Actions", align } = {}) {
  let close;
  const entries = items.map((item) => {
    if (item === "-") return h("hr");
    if (item.heading) return h("div", { class: "menu-heading" }, item.heading);
    const inside = [item.icon, h("span", { class: "menu-text" }, h("span", null, item.label), item.hint ? h("small", null, item.hint) : null), item.side ? h("span", { class: "menu-side" }, item.side) : null];
    const run = () => { close(); item.run?.(); };
    return item.href
      ? h("a", { class: "menu-item", role: "menuitem", tabindex: "-1", href: item.href, target: "_blank", rel: "noopener noreferrer", onclick: run }, inside)
      : h("button", { class: ["menu-item", item.danger && "danger"], role: "menuitem", tabindex: "-1", type: "button", data: item.data, onclick: run }, inside);
  });
  const box = h("div", { class: "menu", onkeydown: (e) => arrows(box, ".menu-item", e) }, entries);
  close = popover(anchor, box, { role: "menu", label, align });
  box.querySelector(".menu-item")?.focus();
  return close;
}

/** A dialog over everything. `build(close)` gives its content; the focus goes back when it closes. */
export function dialog(build, { label, testid, className = "", onescape } = {}) {
  const before = document.activeElement;
  const close = () => { shade.remove(); if (before?.isConnected) before.focus(); };
  const box = h("div", { class: `dialog ${className}`, role: "dialog", "aria-modal": "true", "aria-label": label, tabindex: "-1", data: { testid } });
  const shade = h("div", { class: "shade", onkeydown: (e) => {
    if (e.key === "Escape") { e.stopPropagation(); e.preventDefault(); (onescape ?? close)(); }
    if (e.key === "Tab") trap(box, e);
  } }, box);
  append(box, [build(close)]);
  layer().append(shade);
  (box.querySelector("[data-autofocus]") ?? box).focus();
  return { box, close };
}

/** Slack's confirm object; resolves to whether the person agreed. */
export function confirmed(object) {
  if (!object) return Promise.resolve(true);
  return new Promise((resolve) => {
    const end = (close, answer) => { close(); resolve(answer); };
    let shut;
    const { close } = dialog((c) => {
      shut = c;
      return [
        h("header", { class: "dialog-head" }, h("h2", null, textObject(object.title) ?? "Are you sure?"), h("button", { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => end(c, false) }, icon("close"))),
        h("div", { class: "dialog-body" }, textObject(object.text)),
        h("footer", { class: "dialog-foot" },
          h("button", { class: "button", type: "button", data: { testid: "confirm-no" }, onclick: () => end(c, false) }, textObject(object.deny) ?? "Cancel"),
          h("button", { class: ["button", object.style === "danger" ? "danger" : "primary"], type: "button", data: { testid: "confirm-yes", autofocus: "" }, onclick: () => end(c, true) }, textObject(object.confirm) ?? "Yes")),
      ];
    }, { label: plainString(object.title), testid: "confirm", className: "dialog-small", onescape: () => { shut(); resolve(false); } });
    return close;
  });
}
