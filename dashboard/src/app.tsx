// The shell: the chart, and what must always be seen.
import { useEffect, useRef } from "preact/hooks";

import { mountChart } from "./chart/chart";
import type { Store } from "./store/store";

export function App({ store }: { store: Store }) {
  const place = useRef<HTMLDivElement>(null);
  const theme = store.view.value.theme;
  useEffect(() => mountChart(place.current!, store), [store]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <main class="shell">
      <div class="chart-place" ref={place} />
      <footer class="footer">Estimates, not advice.</footer>
    </main>
  );
}
