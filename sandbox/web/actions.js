// What people do: every click, command and message ends up here and becomes one call to the server.

import { get, post } from "./api.js";
import { store, emit, channel, channelMessages, displayName, dmWith, isReply, mark, markRead, notice, setMessages, setState, setViews } from "./store.js";
import { plainString } from "./mrkdwn.js";

const as = () => ({ as: store.as });

export async function loadState() {
  const answer = await get("state", as());
  if (answer.ok !== false) setState(answer);
  return answer;
}

export async function loadMessages(id, thread) {
  const since = mark();
  const answer = await get("messages", { ...as(), channel: id, ...(thread ? { thread_ts: thread } : {}) });
  if (answer.messages) setMessages(id, answer.messages, { thread, since });
}

export async function loadViews() {
  const answer = await get("views", as());
  if (answer.views) setViews(answer.views);
}

/** Words for a refusal, after Slack's own. */
export function wordsFor(answer, what) {
  if (answer.error === "operation_timeout" || answer.error === "dispatch_failed") return `${what} failed with the error "${answer.error}"`;
  if (answer.message && answer.message !== answer.error) return answer.message;
  return `${what} did not work (${answer.error ?? "unknown error"}). Try again.`;
}

/** A click on an element. `anchor` shows that it is busy; a failure is said next to it. */
export async function act(ctx, element, block, fields, anchor) {
  anchor?.classList.add("busy");
  anchor?.closest(".block")?.querySelector(":scope > .action-error")?.remove();
  const answer = await post("action", { ...as(), container: ctx.container, action: { action_id: element.action_id, block_id: block.block_id, ...fields }, state: ctx.form.state() });
  anchor?.classList.remove("busy");
  if (!answer.ok && anchor?.tagName !== "A") ctx.onerror?.(wordsFor(answer, plainString(element.text) ? `“${plainString(element.text)}”` : "That"), block);
  return answer;
}

const BUILTIN = {
  "/invite": { usage_hint: "@someone", description: "Add someone to this channel" },
  "/join": { usage_hint: "#channel", description: "Join a channel" },
};
export const builtins = () => Object.entries(BUILTIN).map(([command, c]) => ({ command, ...c, builtin: true }));

/** Sends what was typed. False when it must go back into the composer. */
export async function send(id, typed, thread) {
  const text = typed.trim();
  const word = text.match(/^(\/[\w-]+)(?:\s|$)/)?.[1];
  if (word && !typed.startsWith(" ")) {
    const known = store.commands.some((c) => c.command === word);
    if (!known && !BUILTIN[word]) {
      notice(id, `\`${word}\` is not a valid command. In Slack, all messages that start with the “/” character are interpreted as commands.\n\nIf you are trying to send a message and not run a command, try preceding the “/” with an empty space.`, thread);
      return false;
    }
    if (thread) { notice(id, `\`${word}\` is not supported in threads. Sorry!`, thread); return false; }
    if (!known) return builtin(id, word, text.slice(word.length).trim());
  }
  const answer = await post("send", { ...as(), channel: id, text, ...(thread ? { thread_ts: thread } : {}) });
  if (!answer.ok) notice(id, wordsFor(answer, word ?? "Your message"), thread);
  return answer.ok;
}

async function builtin(id, word, rest) {
  const person = rest.match(/<@(\w+)>/)?.[1] ?? [...store.people.values()].find((p) => [p.name, displayName(p)].some((n) => n.toLowerCase() === rest.replace(/^@/, "").toLowerCase()))?.id;
  const room = [...store.channels.values()].find((c) => c.name === rest.replace(/^#/, ""));
  if (word === "/invite" && person) return (await invite(id, person)).ok;
  if (word === "/join" && room) { location.hash = `/${room.id}`; return (await join(room.id)).ok; }
  notice(id, `I could not find “${rest}”.`);
  return false;
}

export async function shortcut(callback_id, message, id) {
  const answer = await post("shortcut", { ...as(), callback_id, ...(id ? { channel: id } : {}), ...(message ? { message_ts: message.ts } : {}) });
  if (!answer.ok) notice(id ?? store.route.channel, wordsFor(answer, "The shortcut"));
}

export function react(id, message, name) {
  const mine = message.reactions?.find((r) => r.name === name)?.users?.includes(store.as);
  return post("react", { ...as(), channel: id, ts: message.ts, name, ...(mine ? { remove: true } : {}) });
}

export const join = (id) => post("join", { ...as(), channel: id }).then(async (a) => { await loadState(); return a; });
export const invite = (id, user) => post("invite", { ...as(), channel: id, user }).then(async (a) => {
  if (!a.ok) notice(id, wordsFor(a, "The invitation"));
  await loadState();
  return a;
});

export async function openDm(user) {
  const known = dmWith(user);
  if (known) return known.id;
  const answer = await post("dm", { ...as(), user });
  if (answer.ok) await loadState();
  return answer.channel?.id ?? answer.channel ?? null;
}

export async function openHome() {
  const before = store.home;
  const answer = await post("home", as());
  if (answer.ok !== false && store.home === before) { store.home = answer.view ?? null; emit("home"); }
}

export const goto = (id, thread) => { location.hash = `/${id}${thread ? `/${thread}` : ""}`; };

/** Follows location.hash: #/C123, #/C123/<thread ts>, #/home, #/home/messages, #/C123/at/<ts>, or a channel name. */
export async function follow() {
  const [first, second, third] = decodeURIComponent(location.hash).replace(/^#\/?/, "").split("/");
  const named = [...store.channels.values()].find((c) => c.id === first || (c.name === first && !c.is_im));
  const withBot = dmWith(store.bot.user_id)?.id ?? null;
  if (first === "home" || (withBot && named?.id === withBot)) {
    store.route = { page: "home", tab: second === "messages" || named ? "messages" : "home", channel: withBot, thread: named && second !== "at" ? second || null : null };
  } else {
    const fallback = [...store.channels.values()].find((c) => c.is_member && !c.is_im && !c.is_archived) ?? [...store.channels.values()][0];
    const id = (named ?? fallback)?.id ?? null;
    store.route = { page: "channel", channel: id, thread: second === "at" ? null : second || null, tab: "home" };
  }
  await show();
  if (second === "at") emit("reveal", third);
}

async function show() {
  const { page, tab, thread } = store.route;
  let id = store.route.channel;
  if (page === "home" && tab === "messages" && !id) { id = await openDm(store.bot.user_id); store.route.channel = id; }
  const unread = channel(id)?.unread ?? 0;
  emit("route");
  if (page === "home" && tab === "home") return openHome();
  if (!id) return;
  await Promise.all([loadMessages(id), thread ? loadMessages(id, thread) : null]);
  const roots = [...channelMessages(id).values()].filter((m) => !isReply(m)).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  if (unread) store.newSince.set(id, roots.at(-unread)?.ts); else store.newSince.delete(id);
  markRead(id);
  emit("messages", id);
}
