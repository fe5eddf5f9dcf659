import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";

// The page is part of the wheel: it is built into the server's own folder and served from there,
// so nothing on it comes from anywhere else.
export default defineConfig({
  base: "/",
  plugins: [preact()],
  build: {
    outDir: "../src/forcedflow/server/static",
    emptyOutDir: true,
    assetsDir: "assets",
    target: "es2022",
    // The content policy forbids inline script.
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8480" } },
  test: { environment: "jsdom", include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"] },
});
