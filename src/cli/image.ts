import { Command, Option } from 'commander';
import { systemClock } from '../core/clock.ts';
import { errorCode, errorText, IngotError } from '../core/errors.ts';
import { silentLogger } from '../core/log.ts';
import type { FetchDoors } from '../image/download.ts';
import { undiciDoor } from '../image/http-door.ts';
import { type ImageFacts, inspectImage, type TableFacts, verifyImage } from '../image/inspect.ts';
import { summarize } from '../image/manifest.ts';
import { packImage } from '../image/pack.ts';

interface Output {
  /** Printed with --json, on one line. */
  json: Record<string, unknown>;
  /** Printed without. */
  lines: string[];
  /** Exit code 1: the answer is no. */
  failed?: boolean;
}

type Work = (signal: AbortSignal) => Promise<Output>;

/** `ingot image`: packs and checks images without a running Ingot. */
export function imageCommand(): Command {
  return new Command('image')
    .description('Pack disk images into verified frames, look at them and check them.')
    .addCommand(packCommand())
    .addCommand(inspectCommand())
    .addCommand(verifyCommand())
    .addHelpText(
      'after',
      `
Examples:
  ingot image pack debian-12.qcow2 packed/
  ingot image pack https://images.example/os.raw.xz packed/ --checksum https://images.example/SHA256SUMS
  ingot image inspect debian-12.qcow2
  ingot image verify packed/ --against /dev/sdb`,
    );
}

interface PackOptions {
  checksum?: string;
  checksumType?: string;
  format?: string;
  json?: boolean;
}

function packCommand(): Command {
  return new Command('pack')
    .description('Convert an image (raw or qcow2; .gz .xz .zst .bz2; http(s) URL or path) into a folder of frames')
    .argument('<source>', 'URL or path of the image')
    .argument('<folder>', 'folder to make')
    .option('--checksum <text>', 'hex digest of the source, or URL of a sums file; needed for URLs')
    .addOption(new Option('--checksum-type <type>', 'kind of digest').choices(['auto', 'md5', 'sha256', 'sha512']))
    .addOption(new Option('--format <format>', 'refuse anything else').choices(['raw', 'qcow2']))
    .option('--json', 'print one JSON object')
    .action((source: string, dir: string, options: PackOptions) =>
      run(options.json === true, async (signal) => {
        const { json: _json, ...rest } = options;
        const manifest = await packImage({ source, dir, ...rest }, doors(), { signal });
        const summary = summarize(manifest);
        return {
          json: { folder: dir, digest: manifest.digest, ...summary },
          lines: [`${dir}: ${manifest.digest}`, ...summaryLines(summary)],
        };
      }),
    );
}

function inspectCommand(): Command {
  return new Command('inspect')
    .description('Say what an image file or a packed folder is: format, sizes, partitions')
    .argument('<path>', 'image file or packed folder')
    .option('--json', 'print one JSON object')
    .action((path: string, options: { json?: boolean }) =>
      run(options.json === true, async () => {
        const facts = await inspectImage(path);
        return { json: { ...facts }, lines: factLines(path, facts) };
      }),
    );
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('Check every frame of a packed folder, and compare a file or disk with it. Exit code 1: not the same')
    .argument('<folder>', 'packed folder')
    .option('--against <path>', 'file or disk that should hold exactly this image')
    .option('--json', 'print one JSON object')
    .action((dir: string, options: { against?: string; json?: boolean }) =>
      run(options.json === true, async (signal) => {
        const report = await verifyImage(dir, options.against, signal);
        const bad = report.damagedFrames.length;
        const different = report.differentFrames?.length ?? 0;
        const lines = [`${report.digest}: ${bad === 0 ? 'whole' : `${bad} of ${report.frames} frames are damaged`}`];
        if (options.against !== undefined) {
          lines.push(
            `${options.against}: ${different === 0 ? 'the same' : `${different} of ${report.frames} frames differ`}`,
          );
        }
        return { json: { ...report }, lines, failed: bad + different > 0 };
      }),
    );
}

function doors(): FetchDoors {
  return { http: undiciDoor(), clock: systemClock, random: Math.random, log: silentLogger };
}

/** Runs one command: Ctrl-C stops it, errors become one line (or one JSON object) and exit code 2. */
async function run(json: boolean, work: Work): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error('stopped'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const out = await work(stop.signal);
    for (const line of json ? [JSON.stringify(out.json)] : out.lines) console.log(line);
    if (out.failed === true) process.exitCode = 1;
  } catch (error) {
    const hint = error instanceof IngotError ? { hint: error.hint } : {};
    if (json) console.log(JSON.stringify({ error: errorCode(error), message: messageOf(error), ...hint }));
    else console.error(errorText(error));
    process.exitCode = 2;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function summaryLines(s: ReturnType<typeof summarize>): string[] {
  return [
    `disk ${mib(s.diskBytes)}, ${s.frames} frames: ${s.dataFrames} data, ${s.zeroFrames} zero, ${s.holeFrames} hole`,
    `data ${mib(s.dataBytes)}, sent as ${mib(s.zstdBytes)}`,
  ];
}

function factLines(path: string, facts: ImageFacts): string[] {
  if (facts.kind === 'packed') {
    return [`${path}: packed image ${facts.digest}`, ...summaryLines(facts), ...tableLines(facts.table)];
  }
  const what = facts.compression === 'none' ? `${facts.format} image` : `compressed with ${facts.compression}`;
  const disk = facts.diskBytes === undefined ? '' : `, disk ${mib(facts.diskBytes)}`;
  return [`${path}: ${what}, file ${mib(facts.fileBytes)}${disk}`, ...(facts.table ? tableLines(facts.table) : [])];
}

function tableLines(table: TableFacts): string[] {
  return [
    `partition table: ${table.kind}`,
    ...table.partitions.map((p) =>
      `  ${p.number}  ${mib(p.bytes)} at ${mib(p.offset)}  ${p.type}  ${p.name ?? ''}`.trimEnd(),
    ),
  ];
}
