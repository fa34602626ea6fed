/** A TFTP server as a program of its own, for namespaces: `tftp-main.ts ADDRESS PORT FOLDER [LIMITS]`. Events as JSON lines. */
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { folderSource } from '../../src/tftp/file.ts';
import type { TransferLimits } from '../../src/tftp/negotiate.ts';
import { startTftpServer } from '../../src/tftp/server.ts';

const [address = '', port = '', folder = '', limits] = process.argv.slice(2);
await startTftpServer({
  address,
  port: Number(port),
  files: folderSource(folder),
  clock: systemClock,
  log: silentLogger,
  observe: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
  ...(limits === undefined ? {} : { limits: JSON.parse(limits) as TransferLimits }),
});
process.stdout.write('ready\n');
