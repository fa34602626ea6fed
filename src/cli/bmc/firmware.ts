import { Command } from 'commander';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FirmwareControl, UpdateState } from '../../bmc/capabilities.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { awaitSettled } from '../../bmc/settle.ts';
import { sleep, systemClock } from '../../core/clock.ts';
import { unreadable } from '../read-file.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';
import type { Result } from './output.ts';
import { pick } from './pick.ts';

const POLL_MS = 5000;

/** firmware list, update, state */
export function firmwareCommand(): Command {
  const firmware = new Command('firmware').description('Firmware of the BMC, the BIOS and other parts');
  firmware.addCommand(
    leaf('list', 'List components and their versions').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => {
        const found = await need(bmc, 'firmware').components(signal);
        const rows = found.map(({ component, name, version, updateable }) => ({
          component,
          name,
          version,
          updateable,
        }));
        return { rows, none: 'no components' };
      }),
    ),
  );
  firmware.addCommand(
    leaf('update', 'Flash a component, and follow it to its end (give --timeout for slow ones)')
      .argument('<component>', 'as `firmware list` shows it: bmc, bios, …')
      .argument('<image>', 'URL that the BMC fetches, or a local file that is sent to it')
      .option('--no-wait', 'return the handle at once; see `firmware state`')
      .action((target: string, component: string, image: string, options: LeafOptions & { wait: boolean }) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'firmware');
          const known = (await control.components(signal)).map((c) => ({ id: c.component, name: c.name }));
          const { id } = pick('component', component, known);
          const handle = await begin(control, id, image, signal);
          if (!options.wait) return { facts: { address: bmc.address, component: id, handle } };
          const result = await follow(control, handle, { address: bmc.address, component: id }, signal);
          if (id !== 'bmc') return result;
          process.stderr.write('waiting for the BMC to answer steadily\n');
          await awaitSettled(bmc, systemClock, signal);
          return result;
        }),
      ),
  );
  firmware.addCommand(
    leaf('state', 'Look at an update that was begun with --no-wait')
      .argument('<handle>', 'as `firmware update --no-wait` printed it, in single quotes')
      .action((target: string, handle: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => ({
          facts: { address: bmc.address, ...(await need(bmc, 'firmware').state(handle, signal)) },
        })),
      ),
  );
  return firmware;
}

async function begin(control: FirmwareControl, component: string, image: string, signal: AbortSignal): Promise<string> {
  if (/^https?:\/\//i.test(image)) return control.start({ component, url: image }, signal);
  if (control.push === undefined) {
    throw bmcErrors.make('BMC_UNSUPPORTED', 'this BMC takes no pushed images', {
      hint: 'give a URL that it can fetch',
    });
  }
  const { size } = await stat(image).catch((cause: unknown) => {
    throw unreadable('image', image, cause);
  });
  return control.push({ component, name: basename(image), bytes: size, data: createReadStream(image) }, signal);
}

/** Until it is over, one way or the other. The deadline of the command is the limit. */
async function follow(
  control: FirmwareControl,
  handle: string,
  facts: Record<string, string>,
  signal: AbortSignal,
): Promise<Result> {
  for (let last = ''; ;) {
    const state = await control.state(handle, signal);
    const line = describe(state);
    if (line !== last) process.stderr.write(`${line}\n`);
    last = line;
    if (state.kind === 'failed') throw bmcErrors.make('BMC_COMMAND_REFUSED', `the update failed: ${state.text}`);
    if (state.kind !== 'running') return { facts: { ...facts, ...state } };
    await sleep(systemClock, POLL_MS, signal);
  }
}

function describe(state: UpdateState): string {
  return state.kind === 'running' && state.percent !== undefined ? `${state.percent} % ${state.text}` : state.text;
}
