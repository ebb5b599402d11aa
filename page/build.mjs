// Builds the page into lambda/page, or into the folder that is named: index.html, config.json and assets/.
// The same sources and the same lock give the same bytes; a test holds the committed build to that.
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "..", "lambda", "page"));
const assets = join(out, "assets");

await rm(out, { recursive: true, force: true });
await mkdir(assets, { recursive: true });
const built = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx", page: "src/style/page.css" },
  outdir: assets,
  bundle: true,
  splitting: true, // what draws waveforms and curves is loaded once there is one to draw
  format: "esm",
  target: ["chrome111", "firefox113", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  metafile: true,
  legalComments: "linked",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
});

const files = Object.entries(built.metafile.outputs);
const nameOf = (entry) => basename(files.find(([, told]) => told.entryPoint === entry)[0]);
const icon = await readFile(join(here, "src", "icon.svg"));
const iconName = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8).toUpperCase()}.svg`;
await writeFile(join(assets, iconName), icon);

const html = await readFile(join(here, "src", "index.html"), "utf8");
const names = { app: nameOf("src/main.tsx"), style: nameOf("src/style/page.css"), icon: iconName };
await writeFile(join(out, "index.html"), html.replace(/\{\{(\w+)\}\}/g, (_, name) => `assets/${names[name]}`));
await cp(join(here, "src", "config.json"), join(out, "config.json"));

// What the libraries in it ask for: that their licences go with them.
const libraries = Object.keys(JSON.parse(await readFile(join(here, "package.json"), "utf8")).dependencies);
const licences = libraries.map(async (name) => {
  const text = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8");
  return `${name}\n\n${text.trim()}\n`;
});
await writeFile(join(out, "licences.txt"), (await Promise.all(licences)).join("\n---\n\n"));
