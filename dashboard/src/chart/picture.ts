// The chart as a picture that says by itself what it shows, of when, and whether it is simulated.
// In: the chart's canvas and the words about it. Out: a PNG. Free of the store.
export interface Caption {
  title: string;
  about: string;
  /** SIMULATED, REPLAY: what nobody may miss. */
  marks: readonly string[];
}

const HEAD = 58;
const FOOT = 26;
const SMALL = "Estimates of what stands to be force-closed if touched, not reported by an exchange. Not advice.";
const CREDIT = "forcedflow · drawn with TradingView Lightweight Charts™";

interface PictureColours {
  background: string;
  text: string;
  muted: string;
  warn: string;
}

export function captioned(
  chart: HTMLCanvasElement,
  caption: Caption,
  colours: PictureColours,
  ratio: number,
): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = chart.width;
  canvas.height = chart.height + Math.round((HEAD + FOOT) * ratio);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser gives no canvas to draw the picture on");
  context.fillStyle = colours.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 0, Math.round(HEAD * ratio));
  context.scale(ratio, ratio);
  const [width, height] = [canvas.width / ratio, canvas.height / ratio];
  context.textBaseline = "middle";
  context.fillStyle = colours.text;
  context.font = "600 16px Inter, system-ui, sans-serif";
  context.fillText(caption.title, 14, 20);
  let right = width - 14;
  context.font = "700 12px Inter, system-ui, sans-serif";
  for (const mark of caption.marks) {
    const wide = context.measureText(mark).width + 18;
    context.fillStyle = colours.warn;
    context.fillRect(right - wide, 9, wide, 22);
    context.fillStyle = colours.background;
    context.fillText(mark, right - wide + 9, 20.5);
    right -= wide + 8;
  }
  context.font = "12px Inter, system-ui, sans-serif";
  context.fillStyle = colours.muted;
  context.fillText(caption.about, 14, 43);
  context.font = "11px Inter, system-ui, sans-serif";
  context.fillText(SMALL, 14, height - 13);
  const wide = context.measureText(CREDIT).width;
  if (width > 900) context.fillText(CREDIT, width - wide - 14, height - 13);
  return canvas;
}

/** Let the browser save bytes under a name. */
export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  const address = URL.createObjectURL(content);
  link.href = address;
  link.download = name;
  link.click();
  // Not at once: the download reads the address after the click has returned.
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
}

/** sandbox-sim-usdt-7d-2024-02-11T1200 */
export function fileName(words: readonly string[]): string {
  return words
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^-+|-+$/g, "");
}
