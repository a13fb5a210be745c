// Modals: the stack the server holds, the top one on screen; what was typed in those below stays.

import { h, icon, replace } from "./h.js";
import { on, store, setViews, person } from "./store.js";
import { post } from "./api.js";
import { act, loadViews } from "./actions.js";
import { Form } from "./blocks/form.js";
import { renderView } from "./blocks/index.js";
import { showErrors } from "./blocks/input.js";
import { textObject } from "./mrkdwn.js";
import { focusable, trap } from "./popover.js";
import { avatar } from "./people.js";

export function modals() {
  const forms = new Map(); // view id -> Form
  let open = null; // {id, node, update}
  let before = null; // what had the focus

  function draw() {
    const view = store.views.at(-1);
    for (const id of forms.keys()) if (!store.views.some((v) => v.id === id)) forms.delete(id);
    if (open && open.id !== view?.id) { open.node.remove(); open = null; }
    if (!view) { if (before?.isConnected) before.focus(); before = null; return; }
    before ??= document.activeElement;
    if (!forms.has(view.id)) forms.set(view.id, Object.assign(new Form(), { conversation: store.route.channel }));
    if (open) { open.update(view); return; }
    open = modal(view, forms.get(view.id));
    document.body.append(open.node);
    open.focus();
  }
  on("views", draw);
}

function modal(first, form) {
  let view = first;
  let busy = false;
  const title = h("h2", { id: `modal-title-${first.id}` });
  const trouble = h("div", { class: "modal-trouble", role: "alert", hidden: true });
  const blocks = h("div", { class: "blocks" });
  const body = h("div", { class: "modal-body" }, trouble, blocks);
  const foot = h("footer", { class: "dialog-foot" });
  const face = h("span", { class: "modal-face" });
  const box = h("div", { class: "dialog modal", role: "dialog", "aria-modal": "true", "aria-labelledby": title.id, tabindex: "-1", data: { testid: "modal", viewId: first.id } },
    h("header", { class: "dialog-head" }, face, title, h("button", { class: "icon-button", type: "button", "aria-label": "Close", data: { testid: "modal-close" }, onclick: () => close() }, icon("close"))), body, foot);
  const form_ = h("form", { class: "shade modal-shade", novalidate: true, onsubmit: (e) => { e.preventDefault(); submit(); }, onkeydown: (e) => {
    if (e.defaultPrevented) return;
    if (e.key === "Escape") { e.preventDefault(); close(); }
    if (e.key === "Tab") trap(box, e);
    if (e.key === "Enter" && e.target.matches("input:not([type=checkbox]):not([type=radio])") && !(e.ctrlKey || e.metaKey)) e.preventDefault(); // Slack submits on a click or Ctrl+Enter
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); submit(); }
  } }, box);
  const say = (text) => { replace(trouble, icon("warn", 16), text); trouble.hidden = !text; };
  const ctx = { surface: "modal", form, onerror: say };
  ctx.act = (element, block, fields, anchor) => { say(""); return act({ container: { type: "view", view_id: view.id }, form, onerror: say }, element, block, fields, anchor); };

  function update(next) {
    view = next;
    replace(face, avatar(person(store.bot.user_id) ?? { is_bot: true }, 28));
    replace(title, textObject(view.title));
    renderView(blocks, view, ctx);
    const inputs = (view.blocks ?? []).some((b) => b.type === "input");
    replace(foot, h("button", { class: "button", type: "button", data: { testid: "modal-cancel" }, onclick: () => close() }, textObject(view.close) ?? (view.submit || inputs ? "Cancel" : "Close")),
      view.submit || inputs ? h("button", { class: "button primary", type: "submit", data: { testid: "modal-submit" } }, textObject(view.submit) ?? "Submit", h("span", { class: "spinner" })) : null);
    setBusy(busy);
    if (view.errors) showErrors(blocks, view.errors);
  }

  function setBusy(now) {
    busy = now;
    box.classList.toggle("busy", now);
    const button = foot.querySelector("[type=submit]");
    if (button) { button.classList.toggle("busy", now); button.disabled = now; }
    box.setAttribute("aria-busy", String(now));
  }

  async function submit() {
    if (busy || !foot.querySelector("[type=submit]")) return;
    say("");
    const missing = form.check();
    const wrong = showErrors(blocks, missing);
    if (wrong) { focusField(wrong); return; }
    setBusy(true);
    const answer = await post("view/submit", { as: store.as, view_id: view.id, state: form.state() });
    setBusy(false);
    if (answer.errors) {
      const field = showErrors(blocks, answer.errors);
      if (field) focusField(field); else say(Object.values(answer.errors).join(" "));
    } else if (!answer.ok) say(answer.message && !/timeout|dispatch/.test(answer.error) ? answer.message : "We had some trouble connecting. Try again?");
    else if (answer.view) {
      const known = store.views.some((v) => v.id === answer.view.id);
      setViews(known ? store.views.map((v) => (v.id === answer.view.id ? answer.view : v)) : [...store.views, answer.view]);
    } else {
      setViews(store.views.filter((v) => v.id !== view.id));
      await loadViews();
    }
  }

  async function close() {
    setViews(store.views.filter((v) => v.id !== view.id));
    await post("view/close", { as: store.as, view_id: view.id });
    await loadViews();
  }

  const focusField = (field) => { const el = field.matches("input, textarea, button, [tabindex]") ? field : field.querySelector("input, textarea, button"); el?.focus(); el?.scrollIntoView({ block: "center" }); };
  const focus = () => { const wanted = blocks.querySelector("[data-autofocus]") ?? focusable(blocks).find((el) => el.closest(".b-input")); (wanted ?? box).focus(); };
  update(first);
  return { id: first.id, node: form_, update, focus };
}

