// Unpacks the Chromium that the npm package @sparticuz/chromium carries, with
// the libraries it needs, and prints the path of a launcher for it.
//   node scripts/unpack-chromium.mjs FOLDER     (where npm installed the package)
import { createReadStream, createWriteStream, existsSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const folder = path.resolve(process.argv[2]);
const packed = path.join(folder, 'node_modules/@sparticuz/chromium/bin');
const out = path.join(folder, 'unpacked');
const launcher = path.join(out, 'chromium.sh');

async function unbrotli(name, to) {
  await pipeline(createReadStream(path.join(packed, name)), createBrotliDecompress(), createWriteStream(to));
}

if (!existsSync(launcher)) {
  mkdirSync(out, { recursive: true });
  await unbrotli('chromium.br', path.join(out, 'chromium'));
  chmodSync(path.join(out, 'chromium'), 0o755);
  for (const name of ['al2023', 'swiftshader', 'fonts']) {
    const tar = path.join(out, `${name}.tar`);
    await unbrotli(`${name}.tar.br`, tar);
    execFileSync('tar', ['-xf', tar, '-C', out]);
  }
  // The package's own font list names folders of another system.
  writeFileSync(
    path.join(out, 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>` +
      `<dir>${out}/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n`,
  );
  writeFileSync(
    launcher,
    `#!/bin/sh\n` +
      `export LD_LIBRARY_PATH="${out}/lib:${out}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n` +
      `export FONTCONFIG_FILE="${out}/fonts.conf"\n` +
      `exec "${out}/chromium" "$@"\n`,
    { mode: 0o755 },
  );
}
console.log(launcher);
