// The name of a pane and the figure under the crosshair, at its upper left corner.
// In: words with their colours. Out: text on the pane's canvas, so that a picture has it too.
import type {
  IPanePrimitive,
  IPanePrimitivePaneView,
  PaneAttachedParameter,
  Time,
} from "lightweight-charts";

export interface Word {
  text: string;
  colour: string;
}

export class PaneLabel implements IPanePrimitive<Time> {
  private update: (() => void) | null = null;
  private words: readonly Word[] = [];
  /** Where the words begin. [px] */
  left = 10;
  private readonly view: IPanePrimitivePaneView = {
    zOrder: () => "top",
    renderer: () => ({
      draw: (target) => {
        target.useMediaCoordinateSpace(({ context }) => {
          context.font = "500 11px Inter, system-ui, sans-serif";
          context.textBaseline = "top";
          let x = this.left;
          for (const { text, colour } of this.words) {
            context.fillStyle = colour;
            context.fillText(text, x, 6);
            x += context.measureText(text).width + 8;
          }
        });
      },
    }),
  };

  attached(parameter: PaneAttachedParameter<Time>): void {
    this.update = parameter.requestUpdate;
  }

  detached(): void {
    this.update = null;
  }

  paneViews(): readonly IPanePrimitivePaneView[] {
    return [this.view];
  }

  say(words: readonly Word[]): void {
    const held = this.words;
    // Said again it would draw the whole pane once more.
    const isSame = (word: Word, i: number): boolean =>
      word.text === held[i]?.text && word.colour === held[i]?.colour;
    if (words.length === held.length && words.every(isSame)) return;
    this.words = words;
    this.update?.();
  }
}
