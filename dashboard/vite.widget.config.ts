import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// The same drawing as one module for notebooks: anywidget loads it from the wheel, nothing else.
export default defineConfig({
  plugins: [preact()],
  publicDir: false,
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  build: {
    outDir: "../src/forcedflow/notebook/static",
    emptyOutDir: true,
    target: "es2022",
    // A library keeps its blanks otherwise, and every widget carries the module.
    rolldownOptions: { output: { minify: true } },
    lib: { entry: "src/widget.ts", formats: ["es"], fileName: () => "widget.js", cssFileName: "widget" },
  },
});
