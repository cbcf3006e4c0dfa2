/** The camera of a phone as a scanner, where the browser can read barcodes. */

import { h, replace } from "../core/dom.js";
import { t } from "../core/words.js";

const EVERY = 150; // milliseconds between two looks at the picture
const SAME = 2000; // within which the same code again is the same scan

/** Return {node, stop()} with a button that opens the camera; null where this browser reads no barcodes. `found` is given each code. */
export function camera(found) {
  if (!window.BarcodeDetector || !navigator.mediaDevices?.getUserMedia) return null;
  const view = h("div", { class: "camera" });
  const button = h("button", { type: "button", "aria-pressed": "false", onclick: () => (stream ? stop() : begin()) }, t("scan.camera"));
  const last = { code: "", at: 0 };
  let [stream, timer, run] = [null, 0, 0];

  async function begin() {
    const mine = (run += 1);
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (mine !== run) return release(opened);
      stream = opened;
      const video = h("video", { muted: true, playsinline: true, "aria-label": t("scan.camera_view") });
      video.srcObject = stream;
      replace(view, video);
      button.setAttribute("aria-pressed", "true");
      await video.play();
      look(video, new window.BarcodeDetector(), mine);
    } catch (error) {
      stop();
      replace(view, h("p", { class: "notice bad", role: "alert" }, t("scan.camera_refused", { reason: error.message })));
    }
  }

  async function look(video, detector, mine) {
    const codes = document.querySelector("dialog[open]") ? [] : await detector.detect(video).catch(() => []);
    if (mine !== run) return;
    for (const { rawValue } of codes.slice(0, 1)) {
      const again = rawValue === last.code && Date.now() - last.at < SAME;
      Object.assign(last, { code: rawValue, at: Date.now() });
      if (!again) found(rawValue);
    }
    timer = setTimeout(look, EVERY, video, detector, mine);
  }

  function stop() {
    run += 1;
    clearTimeout(timer);
    if (stream) release(stream);
    stream = null;
    replace(view);
    button.setAttribute("aria-pressed", "false");
  }

  return { node: h("div", { class: "stack" }, h("div", {}, button), view), stop };
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}
