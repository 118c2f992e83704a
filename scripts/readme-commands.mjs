// Prints the commands of a Markdown file's ```sh blocks, one a line.
import { readFileSync } from 'node:fs';

const text = readFileSync(process.argv[2], 'utf8');
for (const [, body] of text.matchAll(/^```sh\n([\s\S]*?)^```/gm)) {
  for (const line of body.split('\n')) {
    const command = line.replace(/\s+#.*$/, '').replace(/^\$ /, '').trim();
    if (command && !command.startsWith('#')) console.log(command);
  }
}
