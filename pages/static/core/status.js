/** Short messages: seen for a while at the edge of the page, and read out. */

import { h } from "./dom.js";
import { Problem, Unreachable } from "./api.js";
import { known, t, timeText } from "./words.js";

const SECONDS = 6;
const box = h("div", { class: "messages", role: "status", "aria-live": "polite" });
document.body.append(box);

/** Show a message for some seconds and return it; `kind` is "good", "bad" or nothing, `action` {label, run} adds a button. */
export function say(text, kind = "", action = null) {
  const message = h("p", { class: `message ${kind}` }, text);
  if (action) message.append(h("button", { type: "button", onclick: () => (message.remove(), action.run()) }, action.label));
  box.append(message);
  // What somebody is about to press stays.
  const end = () => (message.matches(":hover, :focus-within") ? wait() : message.remove());
  const wait = () => setTimeout(end, SECONDS * 1000);
  wait();
  return message;
}

/** Return what went wrong: where the API answered, its message. */
export function reason(error) {
  if (error instanceof Unreachable) return t("error.unreachable");
  return messageOf(error);
}

/** Return the message of a problem of the API, or of one of its `errors`: in the words of the catalogue where it has them. */
export function messageOf(problem) {
  const values = { ...problem, at: problem.at && timeText(problem.at) };
  const key = ["", "_then"].map((end) => `problem.${problem.code}${end}`).find((each) => known(each, values));
  return key ? t(key, values) : problem.message;
}

/** Do something, and say what went wrong; where no answer came, it can be done again as it is, with the same key. */
export async function attempt(run) {
  try {
    await run();
  } catch (error) {
    const again = error instanceof Unreachable && { label: t("again"), run: () => attempt(run) };
    say(reason(error), "bad", again || null);
    if (!again && !(error instanceof Problem)) throw error;
  }
}

/** Do something, show by `renew` what has become of it, and say how it went: `done`, if anything, or what went wrong. */
export async function perform(run, renew, done) {
  let message = done && [done, "good"];
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
    message = [reason(error), "bad"];
  }
  await renew();
  if (message) say(...message);
}

/** Return a notice of what went wrong, which is read out at once; `retry` adds a button. */
export function failure(error, retry = null) {
  const again = retry && h("button", { type: "button", onclick: retry }, t("again"));
  return h("div", { class: "notice bad", role: "alert" }, h("p", {}, reason(error)), again);
}
