/** The two sounds of a scan: one for what was taken, one for what was not. */

let context = null;

/** Sound for what was taken: short and high. */
export function good() {
  tone(1320, 0, 0.09);
}

/** Sound for what was not: low, twice. */
export function bad() {
  tone(196, 0, 0.22, "square");
  tone(147, 0.26, 0.34, "square");
}

function tone(frequency, after, seconds, type = "sine") {
  if (!window.AudioContext) return;
  context ??= new AudioContext();
  // Browsers keep it silent until somebody has pressed a key or the screen.
  context.resume().catch(() => {});
  const [start, oscillator, volume] = [context.currentTime + after, context.createOscillator(), context.createGain()];
  oscillator.type = type;
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(0.15, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + seconds);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + seconds);
}
